"""Orders for unit tests."""

from datetime import UTC, datetime, timedelta
from typing import Any

from waybill_orders.domain.order import Order, OrderLine
from waybill_orders.domain.states import Status

NOW = datetime(2026, 1, 2, 3, 4, 5, 6, UTC)


def line(number: int, quantity: int = 2, price: int = 500, **changes: Any) -> OrderLine:
    given: dict[str, Any] = {
        "line": number,
        "sku": f"S{number}",
        "name": f"Product {number}",
        "quantity": quantity,
        "unit_price_minor": price,
        "total_minor": quantity * price,
    }
    return OrderLine(**given | changes)


def order(*lines: OrderLine, **changes: Any) -> Order:
    kept = lines or (line(1), line(2))
    total = sum(one.total_minor for one in kept)
    given: dict[str, Any] = {
        "id": "ord_1",
        "channel": "web",
        "number": "100001",
        "customer_id": "usr_ann",
        "status": Status.PENDING,
        "currency": "EUR",
        "subtotal_minor": total,
        "total_minor": total,
        "version": 1,
        "placed_at": NOW,
        "updated_at": NOW,
        "expires_at": NOW + timedelta(minutes=30),
        "lines": kept,
    }
    return Order(**given | changes)
