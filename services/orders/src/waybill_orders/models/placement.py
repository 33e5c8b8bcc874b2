"""The argument of the SQL function `place_order`, built from a placement."""

from collections.abc import Sequence
from typing import Any

import orjson
from waybill_common.idempotency import Answer, KeyRequest
from waybill_common.ids import new_id, uuid7_text
from waybill_common.messaging import NewEvent, event_context, event_record, is_bound

from waybill_orders.domain.change import Change, OrderEvent
from waybill_orders.domain.order import Order, OrderLine

_DEPLETED = "orders.stock.depleted"


def placement_json(change: Change, key: KeyRequest, answer: Answer, note: str | None) -> bytes:
    """Return the JSON of `place_order`: key with its answer, order, lines, events, and the units wanted by SKU."""
    order = change.after
    command: dict[str, Any] = {
        "key": {
            "scope": key.scope,
            "key": key.key,
            "fingerprint": key.fingerprint.hex(),
            "status": answer.status,
            "location": answer.location,
            "etag": answer.etag,
            "body": answer.body.decode(),
        },
        "actor": change.actor,
        "order": _order(order),
        "lines": [_line(line) for line in order.lines],
        "events": [event_record(new_event(order.id, event, change.actor)) for event in change.events],
        "context": event_context(),
        "stock": [
            {"sku": sku, "quantity": quantity, "event_id": uuid7_text()} for sku, quantity in wanted_units(order.lines)
        ],
        "publish_stock": is_bound(_DEPLETED),
    }
    if note is not None:
        command["note"] = {"id": new_id("not"), "author": order.customer_id, "text": note}
    return orjson.dumps(command)


def new_event(order_id: str, event: OrderEvent, actor: str) -> NewEvent:
    """Return the event of an order as the log takes it."""
    return NewEvent(
        type=f"orders.{event.type}", subject=order_id, data=event.data, sequence=event.sequence, actor=actor
    )


def wanted_units(lines: Sequence[OrderLine]) -> list[tuple[str, int]]:
    """Return the units of each SKU, sorted by SKU: two lines of one SKU are one claim on its stock."""
    wanted: dict[str, int] = {}
    for line in lines:
        wanted[line.sku] = wanted.get(line.sku, 0) + line.quantity
    return sorted(wanted.items())


def _order(order: Order) -> dict[str, Any]:
    return {
        "id": order.id,
        "channel": order.channel,
        "number": order.number,
        "customer_id": order.customer_id,
        "status": order.status.value,
        "payment_status": order.payment_status.value,
        "fulfillment_status": order.fulfillment_status.value,
        "currency": order.currency,
        "subtotal_minor": order.subtotal_minor,
        "discount_minor": order.discount_minor,
        "shipping_minor": order.shipping_minor,
        "tax_minor": order.tax_minor,
        "total_minor": order.total_minor,
        "due_minor": order.due_minor,
        "version": order.version,
        "placed_at": order.placed_at,
        "expires_at": order.expires_at,
        "shipping_address": dict(order.shipping_address),
        "external_reference": order.external_reference,
    }


def _line(line: OrderLine) -> dict[str, Any]:
    return {
        "line": line.line,
        "sku": line.sku,
        "name": line.name,
        "quantity": line.quantity,
        "unit_price_minor": line.unit_price_minor,
        "discount_minor": line.discount_minor,
        "tax_minor": line.tax_minor,
        "total_minor": line.total_minor,
    }
