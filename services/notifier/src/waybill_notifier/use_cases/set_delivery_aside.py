"""End or postpone a queued delivery for which no attempt was made."""

from dataclasses import dataclass

from waybill_common.jobs import Again, Done, JobRun, Outcome

from waybill_notifier.domain.delivery import Move
from waybill_notifier.domain.states import State
from waybill_notifier.use_cases.ports import DeliveryRules, UnitOfWorkFactory


@dataclass(frozen=True)
class SetAside:
    """Why nothing was sent: `to` None postpones, a state ends the delivery (or holds it)."""

    reason: str
    to: State | None = None


def set_delivery_aside(run: JobRun, aside: SetAside, unit_of_work: UnitOfWorkFactory, rules: DeliveryRules) -> Outcome:
    """Write it, and say when the job is due again; a delivery that was canceled meanwhile stays so.

    Postponing waits 1 s, doubling to `rules.longest_wait_seconds`. Raises LeaseLostError.
    """
    with unit_of_work() as work:
        work.guard(run)
        delivery = work.deliveries.lock(run.payload["delivery_id"])
        if delivery.state is not State.QUEUED:
            return Done()
        if aside.to is not None:
            work.deliveries.move(delivery, Move(aside.to, aside.reason))
            return Done()
        wait = min(2.0 ** min(delivery.counts.waits, 16), rules.longest_wait_seconds) * rules.jitter(0.8, 1.2)
        work.deliveries.postpone(delivery, aside.reason, wait)
        return Again(wait, aside.reason)
