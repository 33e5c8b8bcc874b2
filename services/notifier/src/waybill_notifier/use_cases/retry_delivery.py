"""Send a delivery again, or sooner, because a person of the staff says so."""

from collections.abc import Callable
from dataclasses import dataclass

from waybill_common.idempotency import Answer, KeyRequest
from waybill_common.jobs import NewJob

from waybill_notifier.domain.delivery import Counts, Delivery, DeliveryView, Move
from waybill_notifier.domain.kinds import lane_of
from waybill_notifier.domain.states import Cause, State
from waybill_notifier.use_cases.ports import UnitOfWork, UnitOfWorkFactory

_DELIVER_JOB = "deliver"


@dataclass(frozen=True)
class RetryDelivery:
    """Which delivery, and who sends it again."""

    delivery_id: str
    actor: str
    key: KeyRequest


def retry_delivery(
    command: RetryDelivery, render: Callable[[DeliveryView], bytes], unit_of_work: UnitOfWorkFactory
) -> Answer:
    """Queue a delivery that ended without success or waits, with its attempts counted anew; ids stay the same.

    A suppressed address is written to this once. One that is queued already is only made due now. Raises
    DeliveryNotFoundError, InvalidTransitionError.
    """
    with unit_of_work() as work:
        if (known := work.claim_key(command.key)) is not None:
            return known
        delivery = work.deliveries.lock(command.delivery_id)
        if delivery.state is State.QUEUED:
            work.deliveries.postpone(delivery, delivery.reason or "staff", 0.0)
        else:
            _requeue(work, delivery, command.actor)
        _give_a_job(work, delivery)
        answer = Answer(200, render(work.deliveries.view(delivery.id)))
        work.store_answer(command.key, answer)
        return answer


def _requeue(work: UnitOfWork, delivery: Delivery, actor: str) -> None:
    if delivery.state is State.SUPPRESSED:
        work.deliveries.let_override_suppression(delivery.id)
    work.deliveries.move(delivery, Move(State.QUEUED, "staff", 0.0, Counts(), Cause.STAFF, actor))


def _give_a_job(work: UnitOfWork, delivery: Delivery) -> None:
    """Wake the job that waits, or make a new one behind what the lane holds."""
    if delivery.job_id is not None and work.hasten(delivery.job_id):
        return
    lane = lane_of(delivery.recipient, delivery.order_id or delivery.recipient)
    job_id = work.enqueue(NewJob(lane, _DELIVER_JOB, {"delivery_id": delivery.id}))
    work.deliveries.set_job(delivery.id, job_id)
