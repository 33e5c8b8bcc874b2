"""A delivery as the ledger keeps it, its attempts, and the moves between its states."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from waybill_notifier.domain.kinds import KINDS, MailKind
from waybill_notifier.domain.smtp_replies import SmtpReply, Stage
from waybill_notifier.domain.states import Cause, Phase, State


@dataclass(frozen=True)
class Counts:
    """What a delivery has used up: burned attempts, protocol failures, ambiguous ends, waits without an attempt."""

    attempts: int = 0
    protocol_failures: int = 0
    ambiguities: int = 0
    waits: int = 0


@dataclass(frozen=True)
class NewDelivery:
    """A ledger row to be written for one notification, recipient and channel."""

    id: str
    notification_id: str
    event_id: str
    template: str
    template_version: int
    recipient: str
    channel: str
    order_id: str | None
    message_id: str
    event_at: datetime
    expires_at: datetime


@dataclass(frozen=True)
class Delivery:
    """A ledger row as read; `now` is the database's clock at that moment, the only one that decides here."""

    id: str
    template: str
    recipient: str
    order_id: str | None
    state: State
    reason: str | None
    counts: Counts
    next_attempt_at: datetime | None
    expires_at: datetime
    event_at: datetime
    created_at: datetime
    overrides_suppression: bool
    job_id: int | None
    facts: Mapping[str, Any]
    now: datetime

    @property
    def kind(self) -> MailKind:
        """How this mail is treated."""
        return KINDS[self.template]

    @property
    def is_expired(self) -> bool:
        """True when the mail is no longer worth sending."""
        return self.now >= self.expires_at

    @property
    def seconds_until_due(self) -> float:
        """Seconds until the next attempt may be made; 0 when it is due."""
        if self.next_attempt_at is None:
            return 0.0
        return max(0.0, (self.next_attempt_at - self.now).total_seconds())


@dataclass(frozen=True)
class Attempt:
    """An attempt that has not ended: its number, counted from 1, and how far it came."""

    number: int
    phase: Phase


@dataclass(frozen=True)
class AttemptEnd:
    """How an attempt ended: `outcome` is `sent`, a failure class, `interrupted`, `not_tried` or `unknown`."""

    outcome: str
    stage: Stage | None = None
    reply: SmtpReply | None = None


@dataclass(frozen=True)
class Move:
    """A change of a delivery's state; `wait_seconds` None leaves it without a next attempt."""

    to: State
    reason: str | None = None
    wait_seconds: float | None = None
    counts: Counts | None = None
    cause: Cause = Cause.WORK
    actor: str | None = None


@dataclass(frozen=True)
class DeliveryView:
    """A delivery as staff see it, with all its attempts."""

    id: str
    event_id: str
    template: str
    template_version: int
    channel: str
    recipient: str
    order_id: str | None
    state: str
    reason: str | None
    message_id: str
    next_attempt_at: datetime | None
    expires_at: datetime
    created_at: datetime
    updated_at: datetime
    attempts: Sequence[Mapping[str, Any]]
    transitions: Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class DeliveryFilter:
    """Which deliveries to list; None does not filter. `before` is the id of the last row of the page before."""

    order_id: str | None = None
    user_id: str | None = None
    state: str | None = None
    before: str | None = None


def burn(counts: Counts, *, protocol: bool = False, ambiguous: bool = False) -> Counts:
    """The counts after one more attempt that counts."""
    return replace(
        counts,
        attempts=counts.attempts + 1,
        protocol_failures=counts.protocol_failures + protocol,
        ambiguities=counts.ambiguities + ambiguous,
    )
