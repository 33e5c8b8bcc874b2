"""Decides what becomes of a delivery after a failed attempt: the acts of messaging.md §11.4 and §11.5."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from waybill_notifier.domain.kinds import WhenUncertain
from waybill_notifier.domain.smtp_replies import FailureClass, SmtpReply, wait_hint_seconds
from waybill_notifier.domain.states import State

Jitter = Callable[[float, float], float]
"""Draws a number between two bounds, such as `random.uniform`."""


class Suppress(StrEnum):
    """Whether an address is refused from now on."""

    NO = "no"
    NOW = "now"
    AFTER_SECOND_MAIL = "after_second_mail"


@dataclass(frozen=True)
class RetryPolicy:
    """The waits of a delivery, all in seconds."""

    schedule: Sequence[float]
    hold_seconds: float
    uncertain_seconds: float
    mailbox_full_seconds: float


@dataclass(frozen=True)
class Standing:
    """What a delivery has behind it when an attempt fails; `attempts` counts this one if it burns."""

    attempts: int
    protocol_failures: int
    created_at: datetime
    expires_at: datetime
    now: datetime
    """The database's clock."""


@dataclass(frozen=True)
class Verdict:
    """The next state, when to look again (None: never), and what else follows."""

    state: State
    reason: str
    wait_seconds: float | None = None
    suppress: Suppress = Suppress.NO
    alert: bool = False


_FINAL: dict[FailureClass, Verdict] = {
    FailureClass.ADDRESS: Verdict(State.FAILED, "address", suppress=Suppress.NOW),
    FailureClass.POLICY: Verdict(State.FAILED, "policy", suppress=Suppress.AFTER_SECOND_MAIL),
    FailureClass.MESSAGE: Verdict(State.FAILED, "message", alert=True),
}


def burns_an_attempt(failure: FailureClass) -> bool:
    """A fault of our configuration burns no attempt: the mail had no chance."""
    return failure is not FailureClass.CONFIGURATION


def judge(
    failure: FailureClass, reply: SmtpReply | None, standing: Standing, policy: RetryPolicy, jitter: Jitter
) -> Verdict:
    """Return what a failure of this class means for a delivery with this standing."""
    if failure in _FINAL:
        return _FINAL[failure]
    if failure is FailureClass.CONFIGURATION:
        return Verdict(State.HELD, failure, policy.hold_seconds * jitter(1.0, 1.2), alert=True)
    if failure is FailureClass.AMBIGUOUS:
        return Verdict(State.UNCERTAIN, failure, _uncertain_wait(standing, policy), alert=True)
    if failure is FailureClass.PROTOCOL and standing.protocol_failures > 1:
        return Verdict(State.FAILED, failure, alert=True)
    return _try_again(failure, wait_hint_seconds(reply), standing, policy, jitter)


def after_uncertainty(ambiguities: int, when: WhenUncertain) -> State:
    """Where a delivery goes once its wait in `uncertain` is over: one retry with the same Message-ID, or a person."""
    return State.QUEUED if when is WhenUncertain.RETRY_ONCE and ambiguities <= 1 else State.HELD


def _uncertain_wait(standing: Standing, policy: RetryPolicy) -> float:
    left = (standing.expires_at - standing.now).total_seconds()
    return max(0.0, min(policy.uncertain_seconds, left / 3))


def _try_again(
    failure: FailureClass, hint: float | None, standing: Standing, policy: RetryPolicy, jitter: Jitter
) -> Verdict:
    """The schedule's next wait, or the one the server asks for, which is never shortened by jitter."""
    last = len(policy.schedule)
    step = min(standing.attempts, last)
    expires_at = standing.expires_at
    if failure is FailureClass.MAILBOX_FULL:
        expires_at = min(expires_at, standing.created_at + timedelta(seconds=policy.mailbox_full_seconds))
    elif standing.attempts > last:
        return Verdict(State.EXHAUSTED, failure)
    wait = hint * jitter(1.0, 1.2) if hint is not None else policy.schedule[step - 1] * jitter(0.8, 1.2)
    if standing.now + timedelta(seconds=wait) >= expires_at:
        return Verdict(State.EXHAUSTED, failure)
    return Verdict(State.QUEUED, failure, wait)
