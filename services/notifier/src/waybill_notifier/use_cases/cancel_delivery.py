"""Give up a delivery that waits, because a person of the staff says so."""

from collections.abc import Callable
from dataclasses import dataclass

from waybill_common.idempotency import Answer, KeyRequest

from waybill_notifier.domain.delivery import DeliveryView, Move
from waybill_notifier.domain.states import Cause, State
from waybill_notifier.use_cases.ports import UnitOfWorkFactory


@dataclass(frozen=True)
class CancelDelivery:
    """Which delivery, and who gives it up."""

    delivery_id: str
    actor: str
    key: KeyRequest


def cancel_delivery(
    command: CancelDelivery, render: Callable[[DeliveryView], bytes], unit_of_work: UnitOfWorkFactory
) -> Answer:
    """Cancel; its job is woken so that the lane goes on at once.

    Raises DeliveryNotFoundError, and InvalidTransitionError for one that is being sent or has ended.
    """
    with unit_of_work() as work:
        if (known := work.claim_key(command.key)) is not None:
            return known
        delivery = work.deliveries.lock(command.delivery_id)
        if delivery.state is not State.CANCELED:
            work.deliveries.move(delivery, Move(State.CANCELED, "staff", cause=Cause.STAFF, actor=command.actor))
            if delivery.job_id is not None:
                work.hasten(delivery.job_id)
        answer = Answer(200, render(work.deliveries.view(delivery.id)))
        work.store_answer(command.key, answer)
        return answer
