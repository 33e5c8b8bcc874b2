"""Orders under lock, and the only writer of their rows, lines, versions, events and stock.

Core and SQL, not the ORM: about 2 ms of client CPU a command against 5 (measured while designing).
"""

from collections.abc import Sequence
from typing import Any

import orjson
import sqlalchemy as sa
from waybill_common.messaging import append_events

from waybill_orders.domain.change import Change
from waybill_orders.domain.errors import OrderNotFoundError, VersionMismatchError
from waybill_orders.domain.order import Order
from waybill_orders.domain.states import HOLDS_STOCK
from waybill_orders.models.orders import SELECT_ORDERS, order_of
from waybill_orders.models.placement import new_event
from waybill_orders.repositories.stock import SqlStock

# Two statements on purpose: one that locked and read at once would, after waiting for the lock, return the new order
# row with the lines of the old snapshot (read committed re-evaluates the locked row alone).
_LOCK = sa.text(
    "SELECT id FROM orders WHERE id = :id AND customer_id = coalesce(CAST(:customer_id AS text), customer_id) "
    "FOR NO KEY UPDATE"
)
_LOCK_EXPIRED = sa.text(
    """
    SELECT id FROM orders
    WHERE status = 'pending' AND expires_at <= now() AND captured_minor = 0 AND authorized_minor = 0
      AND (payment_pending_until IS NULL OR payment_pending_until <= now())
    ORDER BY expires_at LIMIT :limit FOR NO KEY UPDATE SKIP LOCKED
    """
)
_READ = sa.text(f"{SELECT_ORDERS} WHERE o.id = ANY (:ids)")
_UPDATE_ORDERS = sa.text(
    """
    UPDATE orders SET
        status = c.status, payment_status = c.payment_status, fulfillment_status = c.fulfillment_status,
        due_minor = c.due_minor, authorized_minor = c.authorized_minor, captured_minor = c.captured_minor,
        refunded_minor = c.refunded_minor, voided = c.voided, version = c.version, updated_at = c.updated_at
    FROM jsonb_to_recordset(CAST(:changes AS jsonb)) AS c(
        id text, from_status text, from_version integer, status text, payment_status text, fulfillment_status text,
        due_minor bigint, authorized_minor bigint, captured_minor bigint, refunded_minor bigint, voided boolean,
        version integer, updated_at timestamptz)
    WHERE orders.id = c.id AND orders.version = c.from_version AND orders.status = c.from_status
    RETURNING orders.id
    """
)
_UPDATE_LINES = sa.text(
    """
    UPDATE order_lines SET
        quantity_canceled = c.quantity_canceled, quantity_shipped = c.quantity_shipped,
        quantity_delivered = c.quantity_delivered, quantity_returned = c.quantity_returned,
        quantity_reserved = c.quantity_reserved
    FROM jsonb_to_recordset(CAST(:changes AS jsonb)) AS c(
        order_id text, line integer, quantity_canceled bigint, quantity_shipped bigint, quantity_delivered bigint,
        quantity_returned bigint, quantity_reserved bigint)
    WHERE order_lines.order_id = c.order_id AND order_lines.line = c.line
    """
)
_VERSION = sa.text("SELECT version FROM orders WHERE id = :id")


class SqlOrders:
    """Adapter of the port `Orders` on one transaction's connection."""

    def __init__(self, connection: sa.Connection, stock: SqlStock) -> None:
        self._connection = connection
        self._stock = stock
        self.recorded: list[Change] = []

    def lock(self, order_id: str, *, customer_id: str | None = None) -> Order:
        """Lock the order's row until the transaction ends and return it; raises OrderNotFoundError."""
        found = self._connection.execute(_LOCK, {"id": order_id, "customer_id": customer_id}).scalar()
        if found is None:
            raise OrderNotFoundError(order_id)
        return self._read([order_id])[0]

    def lock_expired(self, limit: int) -> list[Order]:
        """Lock and return up to `limit` unpaid orders past their time; what others hold is theirs to end."""
        ids = self._connection.execute(_LOCK_EXPIRED, {"limit": limit}).scalars().all()
        return self._read(ids) if ids else []

    def record_change(self, change: Change) -> Order:
        """Write one change: order guarded by version and status, lines, events, and stock last."""
        self.record_changes([change])
        return change.after

    def record_changes(self, changes: Sequence[Change]) -> None:
        """Write changes of different, locked orders in at most five statements.

        Raises VersionMismatchError when an order is not at the version and status it was changed from: with the lock
        held that is a programming error, without it the guard that saves the day.
        """
        written = (
            self._connection.execute(_UPDATE_ORDERS, _json(_order_record(change) for change in changes)).scalars().all()
        )
        for change in changes:
            if change.after.id not in written:
                raise VersionMismatchError(self._connection.execute(_VERSION, {"id": change.after.id}).scalar() or 0)
        lines = [record for change in changes for record in _line_records(change)]
        if lines:
            self._connection.execute(_UPDATE_LINES, _json(lines))
        events = [new_event(change.after.id, event, change.actor) for change in changes for event in change.events]
        append_events(self._connection, events)
        self._stock.follow(changes)
        self.recorded.extend(changes)

    def _read(self, ids: Sequence[str]) -> list[Order]:
        return [order_of(row) for row in self._connection.execute(_READ, {"ids": list(ids)})]


def _json(records: Any) -> dict[str, str]:
    return {"changes": orjson.dumps(list(records)).decode()}


def _order_record(change: Change) -> dict[str, Any]:
    before, after = change.before, change.after
    if before is None:
        raise ValueError("an order is created by placing it; only an existing one can be changed here")
    return {
        "id": after.id,
        "from_status": before.status,
        "from_version": before.version,
        "status": after.status,
        "payment_status": after.payment_status,
        "fulfillment_status": after.fulfillment_status,
        "due_minor": after.due_minor,
        "authorized_minor": after.authorized_minor,
        "captured_minor": after.captured_minor,
        "refunded_minor": after.refunded_minor,
        "voided": after.voided,
        "version": after.version,
        "updated_at": after.updated_at,
    }


def _line_records(change: Change) -> list[dict[str, Any]]:
    before, after = change.before, change.after
    if before is None or (before.lines == after.lines and before.reserved_units() == after.reserved_units()):
        return []
    holds = after.status in HOLDS_STOCK
    return [
        {
            "order_id": after.id,
            "line": line.line,
            "quantity_canceled": line.quantity_canceled,
            "quantity_shipped": line.quantity_shipped,
            "quantity_delivered": line.quantity_delivered,
            "quantity_returned": line.quantity_returned,
            "quantity_reserved": line.open_units if holds else 0,
        }
        for line in after.lines
    ]
