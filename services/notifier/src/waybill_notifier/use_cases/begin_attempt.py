"""Open an attempt: from here on a crash is told apart by the phase that was committed last."""

from waybill_common.jobs import Done, JobRun, Outcome

from waybill_notifier.domain.delivery import Move
from waybill_notifier.domain.states import State
from waybill_notifier.use_cases.ports import UnitOfWorkFactory


def begin_attempt(run: JobRun, address_hash: bytes, unit_of_work: UnitOfWorkFactory) -> int | Outcome:
    """Return the number of the attempt, in phase `claimed`, or Done when the mail is not to be sent after all.

    A suppressed address ends the delivery, unless a person of the staff let this one mail through. Raises
    LeaseLostError.
    """
    with unit_of_work() as work:
        work.guard(run, commit_lazily=True)  # durable with `data_sent`, before which nothing leaves the house
        delivery = work.deliveries.lock(run.payload["delivery_id"])
        if delivery.state is not State.QUEUED:
            return Done()
        if not delivery.overrides_suppression and work.suppressions.has(address_hash):
            work.deliveries.move(delivery, Move(State.SUPPRESSED, "address"))
            return Done()
        work.deliveries.move(delivery, Move(State.SENDING))
        return work.attempts.begin(delivery.id)
