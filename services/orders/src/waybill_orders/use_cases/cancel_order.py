"""Cancel an order or units of its lines: status, stock, event and the return of money in one transaction."""

from dataclasses import dataclass

from waybill_common.idempotency import Answer, KeyRequest
from waybill_common.jobs import NewJob

from waybill_orders.domain.cancellation import CanceledUnits, cancel
from waybill_orders.domain.change import change
from waybill_orders.use_cases.ports import RenderOrder, UnitOfWorkFactory


@dataclass(frozen=True, kw_only=True)
class CancelOrder:
    """Cancel these units, all of them when none are named; `customer_id` None for staff, who may cancel any order."""

    order_id: str
    customer_id: str | None
    units: tuple[CanceledUnits, ...]
    reason: str | None
    actor: str
    key: KeyRequest


def cancel_order(command: CancelOrder, unit_of_work: UnitOfWorkFactory, render: RenderOrder) -> Answer:
    """Return the order after the cancellation; one that is cancelled already is answered as it is, without an event.

    The gateway is not waited for: a job voids or refunds what is held or was paid beyond what is still due. Raises
    OrderNotFoundError, InvalidTransitionError, QuantityRefusedError, FieldRefusedError, KeyReusedError,
    KeyInProgressError.
    """
    with unit_of_work() as work:
        remembered = work.keys.claim(command.key)
        if remembered is not None:
            return remembered
        order = work.orders.lock(command.order_id, customer_id=command.customer_id)
        canceled = cancel(order, command.units, command.reason)
        if canceled is None:
            answer = render(order)
            work.keys.store(command.key, answer)
            return answer
        after, happening = canceled
        recorded = change(order, after, [happening], actor=command.actor, at=work.now())
        answer = render(recorded.after)
        work.keys.store(command.key, answer)
        work.enqueue(NewJob(lane=f"money:{order.id}", kind="return_money", payload={"order_id": order.id}))
        # Last, because it ends with the stock row that other buyers wait for.
        work.orders.record_change(recorded)
        return answer
