"""What cancelling means: the whole order while nothing has left the house, or units of lines that have not."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from waybill_orders.domain.change import Happening
from waybill_orders.domain.errors import FieldRefusedError, InvalidTransitionError, QuantityRefusedError
from waybill_orders.domain.order import Order
from waybill_orders.domain.states import HOLDS_STOCK, Status, allowed_from, require_transition


@dataclass(frozen=True, slots=True)
class CanceledUnits:
    """Units of one line to cancel."""

    line: int
    quantity: int


def cancel(order: Order, units: Sequence[CanceledUnits], reason: str | None) -> tuple[Order, Happening] | None:
    """Return the order after the cancellation and what happened, None when it is cancelled already.

    No `units` means the whole order; units that leave nothing to deliver mean it too. Raises InvalidTransitionError
    when the order has ended otherwise or (for the whole order) units were shipped, QuantityRefusedError when more
    units are named than are open, FieldRefusedError for lines that the order does not have.
    """
    if order.status is Status.CANCELED:
        return None
    if not units:
        return _cancel_whole(order, reason)
    if order.status not in HOLDS_STOCK:
        require_transition(order.status, Status.CANCELED)
    remaining = _without(order, units)
    if all(line.active_units == 0 for line in remaining.lines):
        return _cancel_whole(order, reason)
    details = {
        "reason": reason,
        "canceled_lines": [{"line": named.line, "quantity": named.quantity} for named in units],
    }
    return remaining, Happening("order.edited", details)


def _cancel_whole(order: Order, reason: str | None) -> tuple[Order, Happening]:
    require_transition(order.status, Status.CANCELED)
    if order.has_shipped_units:
        others = tuple(status for status in allowed_from(order.status) if status != Status.CANCELED)
        detail = "Units of this order are shipped; cancel the lines that are not."
        raise InvalidTransitionError(order.status, Status.CANCELED, others, detail)
    lines = tuple(line._replace(quantity_canceled=line.quantity) for line in order.lines)
    return replace(order, status=Status.CANCELED, lines=lines), Happening("order.canceled", {"reason": reason})


def _without(order: Order, units: Sequence[CanceledUnits]) -> Order:
    faults: list[tuple[str, str, str]] = []
    for index, named in enumerate(units):
        line = order.line(named.line)
        if line is None:
            faults.append((f"/lines/{index}/line", "unknown_line", f"The order has no line {named.line}."))
            continue
        if named.quantity > line.open_units:
            raise QuantityRefusedError(named.line, named.quantity, line.open_units)
        order = order.with_lines(line._replace(quantity_canceled=line.quantity_canceled + named.quantity))
    if faults:
        raise FieldRefusedError(faults)
    return order
