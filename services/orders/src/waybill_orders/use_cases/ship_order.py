"""Record that units of an order have left: parcel, lines, stock and event in one transaction."""

from collections.abc import Callable
from dataclasses import dataclass

from waybill_common.idempotency import Answer, KeyRequest
from waybill_common.ids import new_id

from waybill_orders.domain.change import change
from waybill_orders.domain.errors import VersionMismatchError
from waybill_orders.domain.parcels import Parcel, ship
from waybill_orders.use_cases.money_ports import MoneyUnitOfWorkFactory, RenderFulfillment


@dataclass(frozen=True, kw_only=True)
class ShipOrder:
    """Ship these (line, units), every open unit when empty; `accepts` judges the version that `If-Match` names."""

    order_id: str
    lines: tuple[tuple[int, int], ...]
    carrier: str | None
    tracking_number: str | None
    accepts: Callable[[int], bool]
    actor: str
    key: KeyRequest


def ship_order(command: ShipOrder, unit_of_work: MoneyUnitOfWorkFactory, render: RenderFulfillment) -> Answer:
    """Return 201 with the parcel.

    Raises OrderNotFoundError, VersionMismatchError, InvalidTransitionError, QuantityRefusedError, FieldRefusedError
    and the key's errors.
    """
    with unit_of_work() as work:
        remembered = work.keys.claim(command.key)
        if remembered is not None:
            return remembered
        order = work.orders.lock(command.order_id)
        if not command.accepts(order.version):
            raise VersionMismatchError(order.version)
        now = work.now()
        parcel = Parcel(
            id=new_id("ful"),
            lines=command.lines,
            carrier=command.carrier,
            tracking_number=command.tracking_number,
        )
        after, fulfillment, happening = ship(order, parcel, now)
        changed = change(order, after, [happening], actor=command.actor, at=now)
        answer = render(changed.after, fulfillment)
        work.keys.store(command.key, answer)
        work.fulfillments.add(order.id, fulfillment, actor=command.actor)
        # Last, because it ends with the stock row that other buyers wait for.
        work.orders.record_change(changed)
        return answer
