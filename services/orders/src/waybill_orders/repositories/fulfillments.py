"""Parcels and what is in them; the units on the lines are written with the order."""

import sqlalchemy as sa

from waybill_orders.domain.order import Fulfillment

_ADD = sa.text(
    """
    INSERT INTO fulfillments (id, order_id, status, carrier, tracking_number, actor, shipped_at)
    VALUES (:id, :order_id, :status, :carrier, :tracking_number, :actor, :shipped_at)
    """
)
_ADD_LINES = sa.text(
    "INSERT INTO fulfillment_lines (fulfillment_id, order_id, line, quantity) "
    "VALUES (:fulfillment_id, :order_id, :line, :quantity)"
)
_DELIVER = sa.text(
    "UPDATE fulfillments SET status = 'delivered', delivered_at = :delivered_at WHERE id = :id AND status = 'shipped'"
)


class SqlFulfillments:
    """Adapter of the port `Fulfillments`; the caller holds the lock of the order's row."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def add(self, order_id: str, fulfillment: Fulfillment, *, actor: str) -> None:
        """Keep a parcel that left."""
        values = {
            "id": fulfillment.id,
            "order_id": order_id,
            "status": fulfillment.status,
            "carrier": fulfillment.carrier,
            "tracking_number": fulfillment.tracking_number,
            "actor": actor,
            "shipped_at": fulfillment.shipped_at,
        }
        self._connection.execute(_ADD, values)
        lines = [
            {"fulfillment_id": fulfillment.id, "order_id": order_id, "line": line, "quantity": quantity}
            for line, quantity in fulfillment.lines
        ]
        self._connection.execute(_ADD_LINES, lines)

    def deliver(self, fulfillment: Fulfillment) -> None:
        """Write that the parcel arrived."""
        self._connection.execute(_DELIVER, {"id": fulfillment.id, "delivered_at": fulfillment.delivered_at})
