"""Stock: guarded writes, in the order of SKUs, and the ledger of what is on hand."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import orjson
import sqlalchemy as sa
from waybill_common.database import sqlstate
from waybill_common.messaging import NewEvent, append_events

from waybill_orders.domain.change import Change
from waybill_orders.domain.errors import InsufficientStockError, ProductNotFoundError, Shortage
from waybill_orders.domain.products import StockLevel

# Rows are locked in the order of SKUs, as `place_order` does, so that no two commands can wait for each other in a
# circle.
_FOLLOW = sa.text(
    """
    WITH delta AS (
        SELECT d.sku, d.on_hand, d.reserved
        FROM jsonb_to_recordset(CAST(:deltas AS jsonb)) AS d(sku text, on_hand bigint, reserved bigint)
    ), locked AS MATERIALIZED (
        SELECT s.sku FROM stock s WHERE s.sku IN (SELECT sku FROM delta) ORDER BY s.sku COLLATE "C" FOR NO KEY UPDATE
    )
    UPDATE stock SET on_hand = stock.on_hand + delta.on_hand, reserved = stock.reserved + delta.reserved
    FROM delta JOIN locked USING (sku) WHERE stock.sku = delta.sku
    RETURNING stock.sku, stock.on_hand, stock.reserved, delta.on_hand - delta.reserved AS gained
    """
)
_MOVE = sa.text(
    """
    INSERT INTO stock_movements (sku, delta, reason, order_id, actor)
    SELECT m.sku, m.delta, m.reason, m.order_id, m.actor
    FROM jsonb_to_recordset(CAST(:movements AS jsonb))
        AS m(sku text, delta bigint, reason text, order_id text, actor text)
    """
)
_ADJUST = sa.text(
    "UPDATE stock SET on_hand = on_hand + :delta WHERE sku = :sku AND on_hand + :delta >= reserved "
    "RETURNING sku, on_hand, reserved"
)
_LEVEL = sa.text("SELECT sku, on_hand, reserved FROM stock WHERE sku = :sku")
_OUT_OF_RANGE = "22003"


@dataclass
class _Delta:
    on_hand: int = 0
    reserved: int = 0


class SqlStock:
    """Adapter of the port `Stock`; also what makes stock follow the orders' changes."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def adjust(self, sku: str, delta: int, *, reason: str, actor: str) -> StockLevel:
        """Add `delta` to what is on hand, guarded by what is reserved, with its movement and event."""
        try:
            row = self._connection.execute(_ADJUST, {"sku": sku, "delta": delta}).one_or_none()
        except sa.exc.DataError as error:
            if sqlstate(error) == _OUT_OF_RANGE:
                raise InsufficientStockError([Shortage(sku, abs(delta), 0)]) from error
            raise
        if row is None:
            level = self._level(sku)
            raise InsufficientStockError([Shortage(sku, -delta, level.available)])
        self._move([{"sku": sku, "delta": delta, "reason": reason, "order_id": None, "actor": actor}])
        level = StockLevel(row.sku, row.on_hand, row.reserved)
        self._tell([(level, delta)], actor)
        return level

    def follow(self, changes: Sequence[Change]) -> None:
        """Give back what the changes released and take out what they shipped, all in one statement, stock last."""
        deltas, movements = _deltas(changes)
        if not deltas:
            return
        if movements:
            self._move(movements)
        records = [{"sku": sku, "on_hand": delta.on_hand, "reserved": delta.reserved} for sku, delta in deltas.items()]
        rows = self._connection.execute(_FOLLOW, {"deltas": orjson.dumps(records).decode()}).all()
        told = [(StockLevel(row.sku, row.on_hand, row.reserved), row.gained) for row in rows]
        self._tell(told, changes[0].actor)

    def _level(self, sku: str) -> StockLevel:
        row = self._connection.execute(_LEVEL, {"sku": sku}).one_or_none()
        if row is None:
            raise ProductNotFoundError(sku)
        return StockLevel(row.sku, row.on_hand, row.reserved)

    def _move(self, movements: list[dict[str, Any]]) -> None:
        self._connection.execute(_MOVE, {"movements": orjson.dumps(movements).decode()})

    def _tell(self, levels: Sequence[tuple[StockLevel, int]], actor: str) -> None:
        events = [_stock_event(level, gained, actor) for level, gained in levels]
        append_events(self._connection, [event for event in events if event is not None])


def _stock_event(level: StockLevel, gained: int, actor: str) -> NewEvent | None:
    """Return the event of a level that crossed zero by `gained` units, None when it did not."""
    before = level.available - gained
    if before <= 0 < level.available:
        verb = "replenished"
    elif level.available <= 0 < before:
        verb = "depleted"
    else:
        return None
    data = {"sku": level.sku, "on_hand": level.on_hand, "reserved": level.reserved, "available": level.available}
    return NewEvent(type=f"orders.stock.{verb}", subject=level.sku, data=data, actor=actor)


def _deltas(changes: Sequence[Change]) -> tuple[dict[str, _Delta], list[dict[str, Any]]]:
    deltas: dict[str, _Delta] = {}
    movements: list[dict[str, Any]] = []
    for change in changes:
        if change.before is None:
            continue
        held, holds = change.before.reserved_units(), change.after.reserved_units()
        had_shipped, shipped = change.before.shipped_units(), change.after.shipped_units()
        for sku in sorted(shipped):
            left = shipped[sku] - had_shipped.get(sku, 0)
            reserved = holds.get(sku, 0) - held.get(sku, 0)
            if left or reserved:
                delta = deltas.setdefault(sku, _Delta())
                delta.on_hand -= left
                delta.reserved += reserved
            if left:
                record = {
                    "sku": sku,
                    "delta": -left,
                    "reason": "shipped",
                    "order_id": change.after.id,
                    "actor": change.actor,
                }
                movements.append(record)
    return deltas, movements
