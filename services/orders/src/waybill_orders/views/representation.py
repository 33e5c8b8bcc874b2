"""Values as JSON: the one place where an order, a note, a product or an event is written out."""

from typing import Any

import orjson
from waybill_common.clock import rfc3339
from waybill_common.http import version_etag
from waybill_common.idempotency import Answer

from waybill_orders.domain.listing import TimelineEntry
from waybill_orders.domain.notes import Note
from waybill_orders.domain.order import Fulfillment, Order, OrderLine
from waybill_orders.domain.products import Product, StockLevel


def order_json(order: Order) -> dict[str, Any]:
    """Return an order as `OrderOut`; a dictionary and not the model, which costs ten times as much on a hot path."""
    currency = order.currency

    def money(amount_minor: int) -> dict[str, Any]:
        return {"amount": amount_minor, "currency": currency}

    def line_json(line: OrderLine) -> dict[str, Any]:
        return {
            "line": line.line,
            "sku": line.sku,
            "name": line.name,
            "quantity": line.quantity,
            "quantity_canceled": line.quantity_canceled,
            "quantity_shipped": line.quantity_shipped,
            "quantity_returned": line.quantity_returned,
            "unit_price": money(line.unit_price_minor),
            "discount": money(line.discount_minor),
            "tax": money(line.tax_minor),
            "total": money(line.total_minor),
        }

    return {
        "id": order.id,
        "number": order.number,
        "channel": order.channel,
        "customer_id": order.customer_id,
        "status": order.status.value,
        "payment_status": order.payment_status.value,
        "fulfillment_status": order.fulfillment_status.value,
        "currency": currency,
        "subtotal": money(order.subtotal_minor),
        "discount": money(order.discount_minor),
        "shipping": money(order.shipping_minor),
        "tax": money(order.tax_minor),
        "total": money(order.total_minor),
        "captured": money(order.captured_minor),
        "refunded": money(order.refunded_minor),
        "lines": [line_json(line) for line in order.lines],
        "fulfillments": [fulfillment_json(parcel) for parcel in order.fulfillments],
        "shipping_address": dict(order.shipping_address),
        "external_reference": order.external_reference,
        "expires_at": rfc3339(order.expires_at) if order.expires_at else None,
        "placed_at": rfc3339(order.placed_at),
        "updated_at": rfc3339(order.updated_at),
        "version": order.version,
    }


def order_answer(order: Order, status: int = 200) -> Answer:
    """Return an order as the answer of a keyed command, with its ETag; one that was created with its `Location`."""
    location = f"/v1/orders/{order.id}" if status == 201 else None
    return Answer(status, orjson.dumps(order_json(order)), location, version_etag(order.version))


def placed_answer(order: Order) -> Answer:
    """Return the answer of a placed order."""
    return order_answer(order, 201)


def fulfillment_json(parcel: Fulfillment) -> dict[str, Any]:
    """Return a parcel as `FulfillmentOut`."""
    return {
        "id": parcel.id,
        "status": parcel.status,
        "carrier": parcel.carrier,
        "tracking_number": parcel.tracking_number,
        "lines": [{"line": line, "quantity": quantity} for line, quantity in parcel.lines],
        "shipped_at": rfc3339(parcel.shipped_at),
        "delivered_at": rfc3339(parcel.delivered_at) if parcel.delivered_at else None,
    }


def note_json(note: Note) -> dict[str, Any]:
    """Return a note as `NoteOut`."""
    return {
        "id": note.id,
        "author": note.author,
        "text": note.text,
        "public": note.public,
        "created_at": rfc3339(note.created_at),
    }


def timeline_json(entry: TimelineEntry) -> dict[str, Any]:
    """Return an event as `TimelineEntryOut`, under the type that it has everywhere."""
    return {
        "sequence": entry.sequence,
        "type": entry.type,
        "occurred_at": rfc3339(entry.occurred_at),
        "actor": entry.actor,
        "data": entry.data,
    }


def product_json(product: Product) -> dict[str, Any]:
    """Return a product as `ProductOut`."""
    return {
        "sku": product.sku,
        "name": product.name,
        "unit_price": {"amount": product.unit_price.amount, "currency": product.unit_price.currency},
        "available": product.available,
        "active": product.active,
    }


def stock_answer(level: StockLevel) -> Answer:
    """Return a stock level as the answer of a keyed command."""
    body = {"sku": level.sku, "on_hand": level.on_hand, "reserved": level.reserved, "available": level.available}
    return Answer(200, orjson.dumps(body))
