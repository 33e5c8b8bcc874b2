"""Record that a parcel has arrived; the order completes by itself with its last unit, when it is paid."""

from dataclasses import dataclass

from waybill_common.idempotency import Answer, KeyRequest

from waybill_orders.domain.change import change
from waybill_orders.domain.parcels import deliver
from waybill_orders.use_cases.money_ports import MoneyUnitOfWorkFactory, RenderFulfillment


@dataclass(frozen=True, kw_only=True)
class DeliverFulfillment:
    """This parcel arrived."""

    order_id: str
    fulfillment_id: str
    actor: str
    key: KeyRequest


def deliver_fulfillment(
    command: DeliverFulfillment, unit_of_work: MoneyUnitOfWorkFactory, render: RenderFulfillment
) -> Answer:
    """Return 200 with the parcel; one that had arrived before is answered as it is, without an event.

    Raises OrderNotFoundError, FulfillmentNotFoundError, InvalidTransitionError and the key's errors.
    """
    with unit_of_work() as work:
        remembered = work.keys.claim(command.key)
        if remembered is not None:
            return remembered
        order = work.orders.lock(command.order_id)
        now = work.now()
        after, fulfillment, happening = deliver(order, command.fulfillment_id, now)
        if happening is None:
            answer = render(order, fulfillment)
            work.keys.store(command.key, answer)
            return answer
        changed = change(order, after, [happening], actor=command.actor, at=now)
        answer = render(changed.after, fulfillment)
        work.keys.store(command.key, answer)
        work.fulfillments.deliver(fulfillment)
        work.orders.record_change(changed)
        return answer
