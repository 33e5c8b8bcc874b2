"""What the use cases of the notifier ask of the world; bootstrap fits the adapters and mypy proves the fit."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Protocol, Self

from waybill_common.idempotency import Answer, KeyRequest
from waybill_common.jobs import JobRun, NewJob

from waybill_notifier.domain.delivery import (
    Attempt,
    AttemptEnd,
    Delivery,
    DeliveryFilter,
    DeliveryView,
    Move,
    NewDelivery,
)
from waybill_notifier.domain.kinds import Retry
from waybill_notifier.domain.letter import Letter, Recipient, Rendered
from waybill_notifier.domain.notification import NewNotification, Notification
from waybill_notifier.domain.smtp_replies import SmtpReply
from waybill_notifier.domain.states import Phase
from waybill_notifier.domain.verdict import Jitter, RetryPolicy


class Directory(Protocol):
    """Whom a mail goes to, asked of auth; addresses and links are never stored here."""

    def contact(self, user_id: str) -> Recipient:
        """The user's address, at most 60 s old; raises DirectoryUnavailableError, RecipientGoneError."""

    def mail_request(self, mail_request_id: str) -> Recipient:
        """Address and one-time link; raises those of `contact` and MailRequestExpiredError."""


class RevocationList(Protocol):
    """auth's list of what a starting service must know."""

    def read(self) -> Sequence[Mapping[str, Any]]:
        """All revocations that a living token can meet; raises DirectoryUnavailableError."""


class Renderer(Protocol):
    """Makes subject and bodies."""

    def render(self, template: str, facts: Mapping[str, Any], recipient: Recipient) -> Rendered:
        """Render a mail; raises UnsendableError for one that can never be sent."""

    def title(self, template: str, facts: Mapping[str, Any] | None, locale: str | None) -> str:
        """The line that stands for a mail in an inbox."""


class Mailer(Protocol):
    """Hands mails over to a provider."""

    def check(self) -> None:
        """Raise ProviderClosedError while the provider is not to be used."""

    def send(self, letter: Letter, progress: Callable[[Phase], None]) -> SmtpReply:
        """Hand one mail over, committing each phase by `progress` before the next step.

        Raises SendError, UnsendableError, ProviderClosedError and whatever `progress` raises.
        """


class LedgerQueries(Protocol):
    """Reads that need no transaction."""

    def delivery(self, delivery_id: str) -> DeliveryView:
        """One delivery; raises DeliveryNotFoundError."""

    def deliveries(self, wanted: DeliveryFilter, limit: int) -> list[DeliveryView]:
        """Newest first, at most `limit`."""

    def notification(self, notification_id: str, user_id: str) -> Notification:
        """One of the user's own; raises NotificationNotFoundError."""

    def notifications(self, user_id: str, before: str | None, limit: int) -> list[Notification]:
        """The user's own, newest first, at most `limit`."""


class Notifications(Protocol):
    """The inbox of each user."""

    def add(self, notification: NewNotification) -> None:
        """Write one."""

    def mark_read(self, notification_id: str, user_id: str) -> Notification:
        """Note the first time it was read; raises NotificationNotFoundError, also for another user's."""


class Deliveries(Protocol):
    """The ledger."""

    def add(self, delivery: NewDelivery) -> None:
        """Write a queued delivery."""

    def set_job(self, delivery_id: str, job_id: int) -> None:
        """Remember the job that delivers it."""

    def lock(self, delivery_id: str) -> Delivery:
        """Read and lock; raises DeliveryNotFoundError."""

    def move(self, delivery: Delivery, move: Move) -> None:
        """Change the state and write the transition; raises InvalidTransitionError."""

    def postpone(self, delivery: Delivery, reason: str, wait_seconds: float) -> None:
        """Wait without an attempt and without a change of state."""

    def let_override_suppression(self, delivery_id: str) -> None:
        """Send this one mail although its address is suppressed: a person of the staff decided so."""

    def view(self, delivery_id: str) -> DeliveryView:
        """The delivery as staff see it; raises DeliveryNotFoundError."""


class Attempts(Protocol):
    """The attempts of deliveries; at most one of a delivery is open."""

    def open_of(self, delivery_id: str) -> Attempt | None:
        """The attempt that has not ended."""

    def begin(self, delivery_id: str) -> int:
        """Open the next attempt in phase `claimed` and return its number."""

    def advance(self, delivery_id: str, number: int, phase: Phase) -> None:
        """Note how far the attempt came; raises LeaseLostError when it is not on record."""

    def finish(self, delivery_id: str, number: int, end: AttemptEnd) -> None:
        """Close the attempt, or correct the end of one that was closed as `unknown`."""


class Suppressions(Protocol):
    """Addresses that are not written to, by keyed hash."""

    def has(self, address_hash: bytes) -> bool:
        """True while the address is suppressed."""

    def add(self, address_hash: bytes, reason: str, delivery_id: str) -> None:
        """Suppress an address for the configured time."""

    def note_refusal(self, address_hash: bytes, delivery_id: str) -> int:
        """Remember that a mail was refused by policy; returns how many different mails were."""

    def lift(self, address_hash: bytes) -> bool:
        """Write to the address again; False when it was not suppressed."""


class Revocations(Protocol):
    """Sessions and users whose tokens are refused (`waybill_common.tokens.RevocationTable`)."""

    def apply(self, data: Mapping[str, Any]) -> None:
        """Write what a revocation event says; raises ValueError for a payload that is none."""

    def seed(self, entries: Iterable[Mapping[str, Any]]) -> int:
        """Take over auth's whole list."""

    def prune(self) -> int:
        """Remove what no living token can meet any more."""

    def touch(self) -> None:
        """Note that the feed is alive."""


class UnitOfWork(Protocol):
    """One transaction."""

    @property
    def notifications(self) -> Notifications:
        """Inboxes of this transaction."""

    @property
    def deliveries(self) -> Deliveries:
        """The ledger of this transaction."""

    @property
    def attempts(self) -> Attempts:
        """Attempts of this transaction."""

    @property
    def suppressions(self) -> Suppressions:
        """Refused addresses of this transaction."""

    @property
    def revocations(self) -> Revocations:
        """Revoked sessions and users of this transaction."""

    def claim_message(self, message_id: str) -> bool:
        """Take an event; False when its effect is already there."""

    def claim_key(self, request: KeyRequest) -> Answer | None:
        """Take an idempotency key, or get the answer it had."""

    def store_answer(self, request: KeyRequest, answer: Answer) -> None:
        """Remember the answer of a key in the effect's transaction."""

    def enqueue(self, job: NewJob) -> int:
        """Add a job and wake the workers after the commit."""

    def hasten(self, job_id: int) -> bool:
        """Make a waiting job due now and wake the workers; False when it is not waiting."""

    def guard(self, run: JobRun, *, commit_lazily: bool = False) -> None:
        """Raise LeaseLostError unless this run still holds its lane, and hold it until the commit.

        With `commit_lazily` that does not wait for the disk: the next one that does makes it durable with itself.
        """

    def __enter__(self) -> Self: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


UnitOfWorkFactory = Callable[[], UnitOfWork]


@dataclass(frozen=True)
class DeliveryRules:
    """Waits of deliveries, and how chance and address hashes are made."""

    policies: Mapping[Retry, RetryPolicy]
    jitter: Jitter
    hash_address: Callable[[str], bytes]
    longest_wait_seconds: float = 60.0
    """The longest wait between two looks for auth."""
