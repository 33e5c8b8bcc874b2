"""One transaction of the notifier, with its repositories."""

from dataclasses import dataclass
from functools import cached_property

import sqlalchemy as sa
from waybill_common.database import CHANNEL_JOBS, Doorbell, UnitOfWork
from waybill_common.idempotency import Answer, KeyRequest, KeyStore
from waybill_common.jobs import JobRun, NewJob, enqueue, guard, hasten
from waybill_common.messaging import Inbox
from waybill_common.tokens import RevocationTable

from waybill_notifier.domain.delivery import DeliveryView
from waybill_notifier.repositories.attempts import AttemptRepository
from waybill_notifier.repositories.deliveries import DeliveryRepository
from waybill_notifier.repositories.ledger_queries import view_delivery
from waybill_notifier.repositories.notifications import NotificationRepository
from waybill_notifier.repositories.suppressions import SuppressionRepository

CONSUMER = "notifier.events.v1"


class _Deliveries(DeliveryRepository):
    def view(self, delivery_id: str) -> DeliveryView:
        """The delivery as staff see it; raises DeliveryNotFoundError."""
        return view_delivery(self._connection, delivery_id)


@dataclass(frozen=True)
class UnitOfWorkOptions:
    """What repositories are told; `suppression_days` is how long a refused address is not written to."""

    suppression_days: int = 30


class NotifierUnitOfWork(UnitOfWork):
    """See `use_cases.ports.UnitOfWork`."""

    def __init__(self, engine: sa.Engine, doorbell: Doorbell | None, options: UnitOfWorkOptions) -> None:
        super().__init__(engine, doorbell)
        self._options = options

    @cached_property
    def notifications(self) -> NotificationRepository:
        """Inboxes of this transaction."""
        return NotificationRepository(self.connection)

    @cached_property
    def deliveries(self) -> _Deliveries:
        """The ledger of this transaction."""
        return _Deliveries(self.connection)

    @cached_property
    def attempts(self) -> AttemptRepository:
        """Attempts of this transaction."""
        return AttemptRepository(self.connection)

    @cached_property
    def suppressions(self) -> SuppressionRepository:
        """Refused addresses of this transaction."""
        return SuppressionRepository(self.connection, self._options.suppression_days)

    @cached_property
    def revocations(self) -> RevocationTable:
        """Revoked sessions and users of this transaction."""
        return RevocationTable(self.connection)

    def claim_message(self, message_id: str) -> bool:
        """Take an event; False when its effect is already there."""
        return Inbox(self.connection).claim(CONSUMER, message_id)

    def claim_key(self, request: KeyRequest) -> Answer | None:
        """Take an idempotency key, or get the answer it had."""
        return KeyStore(self.connection).claim(request)

    def store_answer(self, request: KeyRequest, answer: Answer) -> None:
        """Remember the answer of a key in the effect's transaction."""
        KeyStore(self.connection).store(request, answer)

    def enqueue(self, job: NewJob) -> int:
        """Add a job and wake the workers after the commit."""
        self.ring(CHANNEL_JOBS)
        return enqueue(self.connection, job)

    def hasten(self, job_id: int) -> bool:
        """Make a waiting job due now and wake the workers."""
        self.ring(CHANNEL_JOBS)
        return hasten(self.connection, job_id)

    def guard(self, run: JobRun, *, commit_lazily: bool = False) -> None:
        """Raise LeaseLostError unless this run still holds its lane."""
        guard(self.connection, run, commit_lazily=commit_lazily)
