"""The one SELECT that reads whole orders, and how its rows become `Order` values."""

from typing import Any

import orjson
from waybill_common.clock import parse_rfc3339

from waybill_orders.domain.order import Fulfillment, Order, OrderLine
from waybill_orders.domain.states import Status

# Lines and parcels come along as JSON text in the same row: one statement an order or a page, and no join to take
# apart.
SELECT_ORDERS = """
SELECT o.id, o.channel, o.number, o.customer_id, o.status, o.currency, o.subtotal_minor, o.discount_minor,
       o.shipping_minor, o.tax_minor, o.total_minor, o.authorized_minor, o.captured_minor, o.refunded_minor, o.voided,
       o.version, o.placed_at, o.updated_at, o.expires_at, o.external_reference,
       o.shipping_address::text AS shipping_address,
       (SELECT json_agg(json_build_array(l.line, l.sku, l.name, l.quantity, l.unit_price_minor, l.discount_minor,
                                         l.tax_minor, l.total_minor, l.quantity_canceled, l.quantity_shipped,
                                         l.quantity_delivered, l.quantity_returned) ORDER BY l.line)::text
        FROM order_lines l WHERE l.order_id = o.id) AS lines,
       (SELECT json_agg(json_build_array(f.id, f.status, f.carrier, f.tracking_number, f.shipped_at, f.delivered_at,
                        (SELECT json_agg(json_build_array(fl.line, fl.quantity) ORDER BY fl.line)
                         FROM fulfillment_lines fl WHERE fl.fulfillment_id = f.id)) ORDER BY f.shipped_at, f.id)::text
        FROM fulfillments f WHERE f.order_id = o.id) AS fulfillments
FROM orders o
"""


def order_of(row: Any) -> Order:
    """Return the order of a row of SELECT_ORDERS."""
    return Order(
        id=row.id,
        channel=row.channel,
        number=row.number,
        customer_id=row.customer_id,
        status=Status(row.status),
        currency=row.currency,
        subtotal_minor=row.subtotal_minor,
        discount_minor=row.discount_minor,
        shipping_minor=row.shipping_minor,
        tax_minor=row.tax_minor,
        total_minor=row.total_minor,
        authorized_minor=row.authorized_minor,
        captured_minor=row.captured_minor,
        refunded_minor=row.refunded_minor,
        voided=row.voided,
        version=row.version,
        placed_at=row.placed_at,
        updated_at=row.updated_at,
        expires_at=row.expires_at,
        external_reference=row.external_reference,
        shipping_address=orjson.loads(row.shipping_address),
        lines=tuple(_line_of(values) for values in orjson.loads(row.lines or "[]")),
        fulfillments=tuple(_fulfillment_of(values) for values in orjson.loads(row.fulfillments or "[]")),
    )


def _line_of(values: list[Any]) -> OrderLine:
    line, sku, name, quantity, unit_price, discount, tax, total, canceled, shipped, delivered, returned = values
    return OrderLine(
        line=line,
        sku=sku,
        name=name,
        quantity=quantity,
        unit_price_minor=unit_price,
        discount_minor=discount,
        tax_minor=tax,
        total_minor=total,
        quantity_canceled=canceled,
        quantity_shipped=shipped,
        quantity_delivered=delivered,
        quantity_returned=returned,
    )


def _fulfillment_of(values: list[Any]) -> Fulfillment:
    fulfillment_id, status, carrier, tracking_number, shipped_at, delivered_at, lines = values
    return Fulfillment(
        id=fulfillment_id,
        status=status,
        carrier=carrier,
        tracking_number=tracking_number,
        lines=tuple((line, quantity) for line, quantity in lines or ()),
        shipped_at=parse_rfc3339(shipped_at),
        delivered_at=parse_rfc3339(delivered_at) if delivered_at else None,
    )
