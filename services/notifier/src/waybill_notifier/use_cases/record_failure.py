"""Write that an attempt failed, and decide what becomes of the delivery and the address."""

from dataclasses import dataclass

from waybill_common.jobs import Again, Done, JobRun, Outcome

from waybill_notifier.domain.delivery import AttemptEnd, Counts, Delivery, Move, burn
from waybill_notifier.domain.letter import ProviderClosedError, SendError
from waybill_notifier.domain.smtp_replies import FailureClass
from waybill_notifier.domain.states import State
from waybill_notifier.domain.verdict import Standing, Suppress, Verdict, burns_an_attempt, judge
from waybill_notifier.use_cases.ports import DeliveryRules, UnitOfWork, UnitOfWorkFactory


@dataclass(frozen=True)
class Attempted:
    """Which attempt it was, and the keyed hash of its address."""

    number: int
    address_hash: bytes


@dataclass(frozen=True)
class Recorded:
    """What was decided, and the outcome of the job."""

    outcome: Outcome
    verdict: Verdict | None
    delivery: Delivery


def record_failure(
    run: JobRun, attempt: Attempted, error: SendError, unit_of_work: UnitOfWorkFactory, rules: DeliveryRules
) -> Recorded:
    """Close the attempt with what the server said and move the delivery (messaging.md §11.4–11.5)."""
    with unit_of_work() as work:
        delivery = _close(work, run, attempt.number, AttemptEnd(error.failure, error.stage, error.reply))
        if delivery.state is not State.SENDING:
            return Recorded(Done(), None, delivery)
        counts = _counts_after(delivery.counts, error.failure)
        verdict = judge(
            error.failure,
            error.reply,
            Standing(counts.attempts, counts.protocol_failures, delivery.created_at, delivery.expires_at, delivery.now),
            rules.policies[delivery.kind.retry],
            rules.jitter,
        )
        work.deliveries.move(delivery, Move(verdict.state, verdict.reason, verdict.wait_seconds, counts))
        _suppress(work, verdict, attempt, delivery)
    outcome = Done() if verdict.wait_seconds is None else Again(verdict.wait_seconds, error.failure)
    return Recorded(outcome, verdict, delivery)


def record_unsendable(run: JobRun, number: int, reason: str, unit_of_work: UnitOfWorkFactory) -> Outcome:
    """Close the attempt of a mail that this server can never take, such as an address that needs SMTPUTF8."""
    with unit_of_work() as work:
        delivery = _close(work, run, number, AttemptEnd("unsendable"))
        if delivery.state is State.SENDING:
            work.deliveries.move(delivery, Move(State.FAILED, reason, counts=burn(delivery.counts)))
    return Done()


def record_not_tried(
    run: JobRun, number: int, closed: ProviderClosedError, unit_of_work: UnitOfWorkFactory, rules: DeliveryRules
) -> Outcome:
    """Close an attempt that met a closed provider before it began; nothing is burned."""
    wait = closed.wait_seconds * rules.jitter(1.0, 1.2)
    with unit_of_work() as work:
        delivery = _close(work, run, number, AttemptEnd("not_tried"))
        if delivery.state is not State.SENDING:
            return Done()
        if closed.is_configuration:
            work.deliveries.move(delivery, Move(State.HELD, FailureClass.CONFIGURATION, wait))
        else:
            work.deliveries.move(delivery, Move(State.QUEUED, "provider_closed", wait))
    return Again(wait, "provider_closed")


def _close(work: UnitOfWork, run: JobRun, number: int, end: AttemptEnd) -> Delivery:
    """Lock the delivery and end the attempt; a job that lost its lease must not move what another one moves.

    Silence after the final dot leaves the phase at `data_sent`; raises LeaseLostError.
    """
    work.guard(run)
    delivery = work.deliveries.lock(run.payload["delivery_id"])
    work.attempts.finish(delivery.id, number, end)
    return delivery


def _counts_after(counts: Counts, failure: FailureClass) -> Counts:
    if not burns_an_attempt(failure):
        return counts
    return burn(counts, protocol=failure is FailureClass.PROTOCOL, ambiguous=failure is FailureClass.AMBIGUOUS)


def _suppress(work: UnitOfWork, verdict: Verdict, attempt: Attempted, delivery: Delivery) -> None:
    is_refused = verdict.suppress is Suppress.NOW
    if verdict.suppress is Suppress.AFTER_SECOND_MAIL:
        is_refused = work.suppressions.note_refusal(attempt.address_hash, delivery.id) >= 2
    if is_refused:
        work.suppressions.add(attempt.address_hash, verdict.reason, delivery.id)
