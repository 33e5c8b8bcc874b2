"""What becomes of a delivery after a failure (messaging.md §11.4–11.5)."""

from datetime import UTC, datetime, timedelta

import pytest
from waybill_notifier.config import Settings
from waybill_notifier.domain.kinds import WhenUncertain
from waybill_notifier.domain.smtp_replies import FailureClass as F
from waybill_notifier.domain.smtp_replies import parse_reply
from waybill_notifier.domain.states import State
from waybill_notifier.domain.verdict import (
    RetryPolicy,
    Standing,
    Suppress,
    after_uncertainty,
    burns_an_attempt,
    judge,
)

pytestmark = pytest.mark.unit

NOW = datetime(2026, 1, 2, tzinfo=UTC)
PATIENT = Settings.model_fields["retry_patient_seconds"].default
SHORT_LIVED = Settings.model_fields["retry_short_lived_seconds"].default


def judged(failure, *, attempts=1, left=timedelta(hours=48), schedule=PATIENT, line=None, protocol=0, age=timedelta(0)):
    standing = Standing(attempts, protocol, NOW - age, NOW + left, NOW)
    policy = RetryPolicy(schedule, hold_seconds=60, uncertain_seconds=900, mailbox_full_seconds=48 * 3600)
    reply = parse_reply(int(line[:3]), line[4:]) if line else None
    return judge(failure, reply, standing, policy, lambda low, high: (low + high) / 2)


def test_the_schedules_are_those_of_the_design():
    assert PATIENT == (30, 120, 600, 1800, 3600, 7200, 14400, 28800, 28800)
    assert SHORT_LIVED == (5, 15, 30, 60, 120, 300)
    assert sum(SHORT_LIVED) <= 600


@pytest.mark.parametrize("failure", [F.TRANSIENT, F.PROVIDER_TRANSIENT, F.PROVIDER_RATE])
def test_a_transient_failure_follows_the_schedule_to_its_end(failure):
    waits = [judged(failure, attempts=n).wait_seconds for n in range(1, len(PATIENT) + 1)]
    assert waits == list(PATIENT)
    assert judged(failure, attempts=len(PATIENT) + 1).state is State.EXHAUSTED


def test_jitter_is_a_fifth_to_either_side():
    standing = Standing(1, 0, NOW, NOW + timedelta(hours=48), NOW)
    policy = RetryPolicy(PATIENT, 60, 900, 3600)
    bounds = []
    judge(F.TRANSIENT, None, standing, policy, lambda low, high: bounds.append((low, high)) or low)
    assert bounds == [(0.8, 1.2)]


def test_a_mail_is_not_retried_past_its_life():
    assert judged(F.TRANSIENT, attempts=2, left=timedelta(seconds=119)).state is State.EXHAUSTED


def test_a_servers_own_wait_is_never_shortened():
    wait = judged(F.TRANSIENT, line="450 4.7.1 try again in 90 seconds").wait_seconds
    assert 90 <= wait <= 108
    assert judged(F.TRANSIENT, line="450 4.7.1 Greylisted").wait_seconds >= 300


def test_a_full_mailbox_is_retried_for_two_days_and_not_suppressed():
    verdict = judged(F.MAILBOX_FULL, attempts=30, age=timedelta(hours=30), left=timedelta(hours=18))
    assert (verdict.state, verdict.wait_seconds, verdict.suppress) == (State.QUEUED, 28800, Suppress.NO)
    late = judged(F.MAILBOX_FULL, attempts=30, age=timedelta(hours=41), left=timedelta(hours=100))
    assert late.state is State.EXHAUSTED


@pytest.mark.parametrize(
    ("failure", "suppress", "alert"),
    [
        (F.ADDRESS, Suppress.NOW, False),
        (F.POLICY, Suppress.AFTER_SECOND_MAIL, False),
        (F.MESSAGE, Suppress.NO, True),
    ],
)
def test_permanent_failures_end_at_once(failure, suppress, alert):
    verdict = judged(failure)
    assert (verdict.state, verdict.suppress, verdict.alert) == (State.FAILED, suppress, alert)
    assert verdict.wait_seconds is None


def test_a_fault_of_configuration_holds_and_burns_nothing():
    verdict = judged(F.CONFIGURATION)
    assert verdict.state is State.HELD
    assert verdict.alert
    assert verdict.wait_seconds >= 60
    assert not burns_an_attempt(F.CONFIGURATION)


def test_a_protocol_quirk_is_retried_once():
    assert judged(F.PROTOCOL, protocol=1).state is State.QUEUED
    assert judged(F.PROTOCOL, protocol=2).state is State.FAILED


def test_only_known_classes_suppress():
    suppressing = {failure for failure in F if judged(failure).suppress is not Suppress.NO}
    assert suppressing == {F.ADDRESS, F.POLICY}


def test_uncertainty_waits_a_quarter_of_an_hour_or_a_third_of_a_short_life():
    assert judged(F.AMBIGUOUS).wait_seconds == 900
    assert judged(F.AMBIGUOUS, left=timedelta(minutes=10)).wait_seconds == 200
    assert judged(F.AMBIGUOUS, left=timedelta(seconds=-5)).wait_seconds == 0


def test_what_may_have_arrived_is_retried_once_and_then_held():
    assert after_uncertainty(1, WhenUncertain.RETRY_ONCE) is State.QUEUED
    assert after_uncertainty(2, WhenUncertain.RETRY_ONCE) is State.HELD
    assert after_uncertainty(1, WhenUncertain.HOLD) is State.HELD
