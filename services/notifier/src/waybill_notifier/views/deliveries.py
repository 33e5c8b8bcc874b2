"""The ledger for staff: what was sent to whom, with every attempt; send again, give up."""

from flask import Response
from waybill_common.http import (
    GuardedBlueprint,
    current_caller,
    decode_cursor,
    encode_cursor,
    json_answer,
    operation,
    page_answer,
    send_answer,
    staff,
)
from waybill_common.idempotency import KeyRequest

from waybill_notifier.domain.delivery import DeliveryFilter
from waybill_notifier.use_cases.cancel_delivery import CancelDelivery, cancel_delivery
from waybill_notifier.use_cases.ports import LedgerQueries, UnitOfWorkFactory
from waybill_notifier.use_cases.retry_delivery import RetryDelivery, retry_delivery
from waybill_notifier.views.representation import delivery_answer, delivery_json
from waybill_notifier.views.schemas import DeliveryOut, DeliveryPageOut, DeliveryQuery


def deliveries_blueprint(queries: LedgerQueries) -> GuardedBlueprint:
    """Return the reads of `/v1/deliveries…`."""
    blueprint = GuardedBlueprint("deliveries", __name__, access=staff("deliveries:read"))

    @blueprint.get("/v1/deliveries")
    @operation(query=DeliveryQuery, answers={200: DeliveryPageOut})
    def list_deliveries(query: DeliveryQuery) -> Response:
        """List deliveries, newest first."""
        filters = {"order_id": query.order_id, "user_id": query.user_id, "state": query.state}
        before = None if query.cursor is None else decode_cursor(query.cursor, filters, [str])[0]
        found = queries.deliveries(DeliveryFilter(**filters, before=before), query.limit + 1)
        page = found[: query.limit]
        cursor = encode_cursor([page[-1].id], filters) if len(found) > query.limit else None
        return page_answer([delivery_json(view) for view in page], cursor)

    @blueprint.get("/v1/deliveries/<delivery_id>")
    @operation(answers={200: DeliveryOut})
    def show_delivery(delivery_id: str) -> Response:
        """Show one delivery with its attempts and transitions."""
        return json_answer(delivery_json(queries.delivery(delivery_id)))

    return blueprint


def delivery_commands_blueprint(unit_of_work: UnitOfWorkFactory) -> GuardedBlueprint:
    """Return the commands of `/v1/deliveries…`."""
    blueprint = GuardedBlueprint("delivery_commands", __name__, access=staff("deliveries:write"))

    @blueprint.post("/v1/deliveries/<delivery_id>/retry")
    @operation(keyed=True, answers={200: DeliveryOut})
    def retry(delivery_id: str, key: KeyRequest) -> Response:
        """Send it again, or sooner; a suppressed address is written to this once."""
        command = RetryDelivery(delivery_id, current_caller().subject, key)
        return send_answer(retry_delivery(command, delivery_answer, unit_of_work))

    @blueprint.post("/v1/deliveries/<delivery_id>/cancel")
    @operation(keyed=True, answers={200: DeliveryOut})
    def cancel(delivery_id: str, key: KeyRequest) -> Response:
        """Give up a delivery that waits."""
        command = CancelDelivery(delivery_id, current_caller().subject, key)
        return send_answer(cancel_delivery(command, delivery_answer, unit_of_work))

    return blueprint
