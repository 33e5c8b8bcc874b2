"""An order as its events tell it: the state at one version, without address, notes or external reference."""

from datetime import UTC, datetime

from waybill_orders.domain.order import Order, OrderLine


def timestamp(moment: datetime) -> str:
    """Format an aware datetime as RFC 3339 in UTC with six fractional digits."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds")[:26] + "Z"


def snapshot(order: Order) -> dict[str, object]:
    """Return the event `data` of an order at its version; amounts are integers in minor units."""
    return {
        "order_id": order.id,
        "number": order.number,
        "customer_id": order.customer_id,
        "status": order.status.value,
        "payment_status": order.payment_status.value,
        "fulfillment_status": order.fulfillment_status.value,
        "currency": order.currency,
        "subtotal": order.subtotal_minor,
        "discount": order.discount_minor,
        "shipping": order.shipping_minor,
        "tax": order.tax_minor,
        "total": order.total_minor,
        "captured": order.captured_minor,
        "refunded": order.refunded_minor,
        "lines": [_line(line) for line in order.lines],
        "version": order.version,
        "placed_at": timestamp(order.placed_at),
        "expires_at": timestamp(order.expires_at) if order.expires_at else None,
    }


def _line(line: OrderLine) -> dict[str, object]:
    return {
        "line": line.line,
        "sku": line.sku,
        "name": line.name,
        "quantity": line.quantity,
        "unit_price": line.unit_price_minor,
        "total": line.total_minor,
        "quantity_canceled": line.quantity_canceled,
        "quantity_shipped": line.quantity_shipped,
    }
