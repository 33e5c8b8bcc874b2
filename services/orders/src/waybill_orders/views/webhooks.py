"""Webhooks of the payment gateway: signed by it, taken once."""

from flask import Response, request
from waybill_common.http import PUBLIC, GuardedBlueprint, json_answer, operation

from waybill_orders.use_cases.apply_gateway_event import apply_gateway_event
from waybill_orders.use_cases.money_ports import MoneyUnitOfWorkFactory, WebhookReader
from waybill_orders.views.payment_schemas import IntakeOut


def webhooks_blueprint(unit_of_work: MoneyUnitOfWorkFactory, reader: WebhookReader) -> GuardedBlueprint:
    """Return `/v1/webhooks/payments/sandbox`; public, because the signature over the raw body is what is checked."""
    blueprint = GuardedBlueprint("webhooks", __name__, access=PUBLIC)

    @blueprint.post("/v1/webhooks/payments/sandbox")
    @operation(answers={200: IntakeOut})
    def take() -> Response:
        """Take a webhook; duplicates and what concerns no payment of ours are answered with 200 as well."""
        event = reader.read(dict(request.headers), request.get_data())
        return json_answer({"status": apply_gateway_event(event, unit_of_work)})

    return blueprint
