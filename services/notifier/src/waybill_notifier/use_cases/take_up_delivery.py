"""Look at a delivery whose job is due: settle what a crash left, and say whether to send now, later or never."""

from waybill_common.jobs import Again, Done, JobRun, Outcome

from waybill_notifier.domain.delivery import AttemptEnd, Delivery, Move, burn
from waybill_notifier.domain.letter import ProviderClosedError
from waybill_notifier.domain.smtp_replies import FailureClass
from waybill_notifier.domain.states import WAITING, Phase, State
from waybill_notifier.domain.verdict import Standing, Verdict, after_uncertainty, judge
from waybill_notifier.use_cases.ports import DeliveryRules, UnitOfWork, UnitOfWorkFactory

_CONFIGURATION = FailureClass.CONFIGURATION.value
_PROVIDER_CLOSED = "provider_closed"


def take_up_delivery(
    run: JobRun, closed: ProviderClosedError | None, unit_of_work: UnitOfWorkFactory, rules: DeliveryRules
) -> Delivery | Outcome:
    """Return the delivery, queued and due, or the outcome of the job when there is nothing to send now.

    `closed` says that the provider is not to be used at the moment. Raises LeaseLostError.
    """
    with unit_of_work() as work:
        # Durable with what follows: the attempt's `data_sent`, or the end of the job.
        work.guard(run, commit_lazily=True)
        delivery = work.deliveries.lock(run.payload["delivery_id"])
        if delivery.state is State.SENDING:
            _settle_interrupted(work, delivery, rules)
            delivery = work.deliveries.lock(delivery.id)
        if delivery.state not in WAITING:
            return Done()
        if delivery.state is not State.QUEUED and delivery.next_attempt_at is None:
            return Done()  # It waits for a person, who gives it a job of its own.
        if delivery.seconds_until_due > 0:
            return Again(delivery.seconds_until_due)
        if _ends_here(work, delivery):
            return Done()
        if closed is not None:
            return _wait_for_provider(work, delivery, closed, rules)
        if delivery.state is not State.QUEUED:
            work.deliveries.move(delivery, Move(State.QUEUED, delivery.reason, wait_seconds=0.0))
            delivery = work.deliveries.lock(delivery.id)
        return delivery


def _settle_interrupted(work: UnitOfWork, delivery: Delivery, rules: DeliveryRules) -> None:
    """A worker died in the middle: before `data_sent` nothing was handed over, after it nobody knows."""
    attempt = work.attempts.open_of(delivery.id)
    is_ambiguous = attempt is not None and attempt.phase is Phase.DATA_SENT
    counts = burn(delivery.counts, ambiguous=is_ambiguous)
    standing = Standing(
        counts.attempts, counts.protocol_failures, delivery.created_at, delivery.expires_at, delivery.now
    )
    policy = rules.policies[delivery.kind.retry]
    if is_ambiguous:
        verdict, outcome = judge(FailureClass.AMBIGUOUS, None, standing, policy, rules.jitter), "unknown"
    else:
        verdict, outcome = _interrupted(counts.attempts > len(policy.schedule)), "interrupted"
    if attempt is not None:
        work.attempts.finish(delivery.id, attempt.number, AttemptEnd(outcome))
    work.deliveries.move(delivery, Move(verdict.state, verdict.reason, verdict.wait_seconds, counts))


def _interrupted(is_used_up: bool) -> Verdict:
    """At once again, but not for ever: this mail may be what kills the worker."""
    return Verdict(State.EXHAUSTED, "interrupted") if is_used_up else Verdict(State.QUEUED, "interrupted", 0.0)


def _ends_here(work: UnitOfWork, delivery: Delivery) -> bool:
    """End what is past its life, and hand to a person what may not be retried."""
    if delivery.is_expired:
        is_untried = delivery.counts.attempts == 0 and delivery.state is not State.UNCERTAIN
        work.deliveries.move(delivery, Move(State.SKIPPED if is_untried else State.EXHAUSTED, "expired"))
        return True
    if delivery.state is State.UNCERTAIN:
        following = after_uncertainty(delivery.counts.ambiguities, delivery.kind.when_uncertain)
        if following is State.HELD:
            work.deliveries.move(delivery, Move(State.HELD, FailureClass.AMBIGUOUS))
            return True
    return False


def _wait_for_provider(
    work: UnitOfWork, delivery: Delivery, closed: ProviderClosedError, rules: DeliveryRules
) -> Outcome:
    """Wait without burning an attempt; a fault of configuration shows as `held`."""
    wait = closed.wait_seconds * rules.jitter(1.0, 1.2)
    if closed.is_configuration and delivery.state is State.QUEUED:
        work.deliveries.move(delivery, Move(State.HELD, _CONFIGURATION, wait))
    else:
        work.deliveries.postpone(delivery, delivery.reason or _PROVIDER_CLOSED, wait)
    return Again(wait, _PROVIDER_CLOSED)
