"""Parcels: which units may leave, and what their arrival changes."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from waybill_orders.domain.change import Happening
from waybill_orders.domain.errors import FieldRefusedError, InvalidTransitionError, QuantityRefusedError
from waybill_orders.domain.order import Fulfillment, Order
from waybill_orders.domain.payment_errors import FulfillmentNotFoundError
from waybill_orders.domain.states import Status, allowed_from


@dataclass(frozen=True, kw_only=True)
class Parcel:
    """What is about to leave: (line, units), every open unit when empty."""

    id: str
    lines: tuple[tuple[int, int], ...]
    carrier: str | None
    tracking_number: str | None


def ship(order: Order, parcel: Parcel, at: datetime) -> tuple[Order, Fulfillment, Happening]:
    """Return the order whose units have left, the parcel, and what happened.

    Raises InvalidTransitionError unless the order is confirmed, covered and has open units, QuantityRefusedError for
    more units than are open, FieldRefusedError for lines that it does not have or that are named twice.
    """
    _require_shippable(order)
    units = _checked(order, parcel.lines) if parcel.lines else _open_units(order)
    fulfillment = Fulfillment(
        id=parcel.id,
        status="shipped",
        carrier=parcel.carrier,
        tracking_number=parcel.tracking_number,
        lines=tuple(units),
        shipped_at=at,
        delivered_at=None,
    )
    shipped = order
    for number, quantity in units:
        line = order.line(number)
        assert line is not None
        shipped = shipped.with_lines(line._replace(quantity_shipped=line.quantity_shipped + quantity))
    shipped = replace(shipped, fulfillments=(*order.fulfillments, fulfillment))
    return shipped, fulfillment, Happening("fulfillment.shipped", {"fulfillment": _details(fulfillment)})


def find_parcel(order: Order, fulfillment_id: str) -> Fulfillment:
    """Return one parcel of the order; raises FulfillmentNotFoundError."""
    for parcel in order.fulfillments:
        if parcel.id == fulfillment_id:
            return parcel
    raise FulfillmentNotFoundError(fulfillment_id)


def deliver(order: Order, fulfillment_id: str, at: datetime) -> tuple[Order, Fulfillment, Happening | None]:
    """Return the order whose parcel has arrived; no happening when it had before. Raises FulfillmentNotFoundError."""
    found = find_parcel(order, fulfillment_id)
    if found.status == "delivered":
        return order, found, None
    if found.status != "shipped":
        raise InvalidTransitionError(found.status, "delivered", ())
    arrived = replace(found, status="delivered", delivered_at=at)
    delivered = order
    for number, quantity in found.lines:
        line = delivered.line(number)
        assert line is not None
        delivered = delivered.with_lines(line._replace(quantity_delivered=line.quantity_delivered + quantity))
    parcels = tuple(arrived if parcel.id == fulfillment_id else parcel for parcel in order.fulfillments)
    happening = Happening("fulfillment.delivered", {"fulfillment": _details(arrived)})
    return replace(delivered, fulfillments=parcels), arrived, happening


def _require_shippable(order: Order) -> None:
    if order.status is not Status.CONFIRMED:
        reason = f"An order that is {order.status} is not shipped; it must be confirmed."
        raise InvalidTransitionError(order.status, "fulfilled", allowed_from(order.status), reason)
    if not order.is_covered:
        reason = "The money that was held for this order was given back; it must be paid before it is shipped."
        raise InvalidTransitionError(order.status, "fulfilled", allowed_from(order.status), reason)
    if all(line.open_units == 0 for line in order.lines):
        raise InvalidTransitionError(order.fulfillment_status, "fulfilled", (), "Every unit of this order is shipped.")


def _open_units(order: Order) -> list[tuple[int, int]]:
    return [(line.line, line.open_units) for line in order.lines if line.open_units]


def _checked(order: Order, lines: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    faults: list[tuple[str, str, str]] = []
    seen: set[int] = set()
    for index, (number, quantity) in enumerate(lines):
        line = order.line(number)
        if line is None:
            faults.append((f"/lines/{index}/line", "unknown_line", f"The order has no line {number}."))
        elif number in seen:
            faults.append((f"/lines/{index}/line", "repeated_line", f"Line {number} is named twice; add its units up."))
        elif quantity > line.open_units:
            raise QuantityRefusedError(number, quantity, line.open_units)
        seen.add(number)
    if faults:
        raise FieldRefusedError(faults)
    return list(lines)


def _details(fulfillment: Fulfillment) -> dict[str, object]:
    return {
        "id": fulfillment.id,
        "carrier": fulfillment.carrier,
        "tracking_number": fulfillment.tracking_number,
        "lines": [{"line": line, "quantity": quantity} for line, quantity in fulfillment.lines],
    }
