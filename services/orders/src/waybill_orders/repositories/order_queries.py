"""Orders as they are: one statement an answer, keyset pages and no counts."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from waybill_common.database import DirectPool

from waybill_orders.domain.errors import OrderNotFoundError
from waybill_orders.domain.listing import OrderFilter, TimelineEntry
from waybill_orders.domain.notes import Note
from waybill_orders.domain.order import Order
from waybill_orders.models.orders import SELECT_ORDERS, order_of
from waybill_orders.repositories.direct import DirectSession

PREPARED = (
    f"PREPARE find_order (text) AS {SELECT_ORDERS} WHERE o.id = $1",
    f"PREPARE find_order_of (text, text) AS {SELECT_ORDERS} WHERE o.id = $1 AND o.customer_id = $2",
)
_FIND = "EXECUTE find_order (%(id)s)"
_FIND_OF = "EXECUTE find_order_of (%(id)s, %(customer_id)s)"
_EXISTS = "SELECT 1 FROM orders WHERE id = %(id)s AND customer_id = coalesce(%(customer_id)s, customer_id)"
_TIMELINE = """
SELECT sequence, type, occurred_at, actor, data FROM event_log
WHERE subject = %(id)s AND sequence > %(after)s
  AND (%(all)s OR type <> 'orders.order.note_added' OR (data -> 'note' ->> 'public')::boolean)
ORDER BY sequence LIMIT %(limit)s
"""
_NOTES = """
SELECT id, order_id, author, text, public, created_at FROM order_notes
WHERE order_id = %(id)s AND (%(all)s OR public) AND (created_at, id) > (%(after_time)s, %(after_id)s)
ORDER BY created_at, id LIMIT %(limit)s
"""
_BEGINNING = ("-infinity", "")

_EQUAL = ("customer_id", "channel", "number", "external_reference")
_ONE_OF = ("status", "payment_status", "fulfillment_status")


class SqlOrderQueries:
    """Adapter of the port `OrderQueries`; needs no more than SELECT on the tables.

    Its pool opens connections with `PREPARED`.
    """

    def __init__(self, pool: DirectPool) -> None:
        self._pool = pool

    def find(self, order_id: str, *, customer_id: str | None) -> Order:
        """Return the order in one statement; raises OrderNotFoundError."""
        sql = _FIND if customer_id is None else _FIND_OF
        rows = self._read(sql, {"id": order_id, "customer_id": customer_id})
        if not rows:
            raise OrderNotFoundError(order_id)
        return order_of(rows[0])

    def page(self, wanted: OrderFilter, *, after: tuple[datetime, str] | None, limit: int) -> Sequence[Order]:
        """Return one page in one statement, by row comparison on an index of the same shape."""
        # The page is cut before its lines are read. Each filter that is set adds its own condition, so that the
        # planner sees which index fits; none of the text comes from the request.
        conditions, values = _conditions(wanted)
        direction, comparison = ("DESC", "<") if wanted.sort == "-created_at" else ("ASC", ">")
        if after is not None:
            conditions.append(f"(placed_at, id) {comparison} (%(after_time)s, %(after_id)s)")
            values |= {"after_time": after[0], "after_id": after[1]}
        where = f"WHERE {' AND '.join(conditions)}" if conditions else ""
        order = f"ORDER BY placed_at {direction}, id {direction}"
        inner = f"(SELECT * FROM orders {where} {order} LIMIT %(limit)s)"  # noqa: S608 - fixed fragments, bound values
        sql = SELECT_ORDERS.replace("FROM orders o", f"FROM {inner} o") + order
        return [order_of(row) for row in self._read(sql, values | {"limit": limit})]

    def timeline(self, order_id: str, *, customer_id: str | None, after: int, limit: int) -> Sequence[TimelineEntry]:
        """Return events after a sequence; raises OrderNotFoundError."""
        self._require(order_id, customer_id)
        values = {"id": order_id, "after": after, "all": customer_id is None, "limit": limit}
        return [TimelineEntry(*row) for row in self._read(_TIMELINE, values)]

    def notes(
        self, order_id: str, *, customer_id: str | None, after: tuple[datetime, str] | None, limit: int
    ) -> Sequence[Note]:
        """Return notes in the order they were written; raises OrderNotFoundError."""
        self._require(order_id, customer_id)
        after_time, after_id = after or _BEGINNING
        values = {
            "id": order_id,
            "all": customer_id is None,
            "after_time": after_time,
            "after_id": after_id,
            "limit": limit,
        }
        return [Note(*row) for row in self._read(_NOTES, values)]

    def _require(self, order_id: str, customer_id: str | None) -> None:
        if not self._read(_EXISTS, {"id": order_id, "customer_id": customer_id}):
            raise OrderNotFoundError(order_id)

    def _read(self, sql: str, values: dict[str, Any]) -> Sequence[Any]:
        with DirectSession(self._pool) as session:
            return session.fetch(sql, values)


def _conditions(wanted: OrderFilter) -> tuple[list[str], dict[str, Any]]:
    conditions: list[str] = []
    values: dict[str, Any] = {}
    for name in _EQUAL:
        if getattr(wanted, name) is not None:
            conditions.append(f"{name} = %({name})s")
            values[name] = getattr(wanted, name)
    for name in _ONE_OF:
        chosen = list(getattr(wanted, name))
        if len(chosen) == 1:
            conditions.append(f"{name} = %({name})s")
            values[name] = chosen[0]
        elif chosen:
            conditions.append(f"{name} = ANY (%({name})s)")
            values[name] = chosen
    if wanted.created_from is not None:
        conditions.append("placed_at >= %(created_from)s")
        values["created_from"] = wanted.created_from
    if wanted.created_to is not None:
        conditions.append("placed_at < %(created_to)s")
        values["created_to"] = wanted.created_to
    return conditions, values
