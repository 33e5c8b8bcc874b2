"""The one SELECT that reads whole orders, and how its rows become `Order` values."""

from collections.abc import Sequence
from typing import Any

import orjson
from waybill_common.clock import parse_rfc3339

from waybill_orders.domain.order import Fulfillment, Order, OrderLine
from waybill_orders.domain.states import Status

# Columns of `orders` that are members of `Order` under the same name.
_COLUMNS = (
    "id",
    "channel",
    "number",
    "customer_id",
    "status",
    "currency",
    "subtotal_minor",
    "discount_minor",
    "shipping_minor",
    "tax_minor",
    "total_minor",
    "authorized_minor",
    "captured_minor",
    "refunded_minor",
    "voided",
    "version",
    "placed_at",
    "updated_at",
    "expires_at",
    "external_reference",
)

# Lines and parcels come along as JSON text in the same row: one statement an order or a page, no join to take apart.
# A line's values stand in the order of `OrderLine`.
SELECT_ORDERS = f"""
SELECT {", ".join(f"o.{column}" for column in _COLUMNS)}, o.shipping_address::text,
       (SELECT json_agg(json_build_array(l.line, l.sku, l.name, l.quantity, l.unit_price_minor, l.total_minor,
                                         l.discount_minor, l.tax_minor, l.quantity_canceled, l.quantity_shipped,
                                         l.quantity_delivered, l.quantity_returned) ORDER BY l.line)::text
        FROM order_lines l WHERE l.order_id = o.id) AS lines,
       (SELECT json_agg(json_build_array(f.id, f.status, f.carrier, f.tracking_number, f.shipped_at, f.delivered_at,
                        (SELECT json_agg(json_build_array(fl.line, fl.quantity) ORDER BY fl.line)
                         FROM fulfillment_lines fl WHERE fl.fulfillment_id = f.id)) ORDER BY f.shipped_at, f.id)::text
        FROM fulfillments f WHERE f.order_id = o.id) AS fulfillments
FROM orders o
"""  # noqa: S608 - names of columns, all of them ours


def order_of(row: Sequence[Any]) -> Order:
    """Return the order of a row of SELECT_ORDERS."""
    values = dict(zip(_COLUMNS, row, strict=False))
    address, lines, fulfillments = row[len(_COLUMNS) :]
    values["status"] = Status(values["status"])
    values["shipping_address"] = orjson.loads(address)
    values["lines"] = tuple([OrderLine(*one) for one in orjson.loads(lines or "[]")])
    values["fulfillments"] = tuple([_fulfillment_of(one) for one in orjson.loads(fulfillments)]) if fulfillments else ()
    return Order.of_values(values)


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
