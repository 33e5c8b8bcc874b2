"""The unit of work of auth: one transaction with its repositories, events and audit lines."""

from collections.abc import Sequence
from functools import cached_property

import sqlalchemy as sa
from waybill_common.database import CHANNEL_OUTBOX, UnitOfWork
from waybill_common.messaging import NewEvent, append_events
from waybill_common.telemetry import current_request_id

from waybill_auth.domain.audit import AuditEntry
from waybill_auth.repositories.keys_and_clients import ClientRepository, KeyRepository
from waybill_auth.repositories.mail_requests import MailRequestRepository
from waybill_auth.repositories.retention import RetentionRepository
from waybill_auth.repositories.sessions import RevocationRepository, SessionRepository
from waybill_auth.repositories.throttle import ThrottleRepository
from waybill_auth.repositories.users import UserRepository

_AUDIT = sa.text(
    """
    INSERT INTO audit_log (actor, subject, action, outcome, reason, ip, user_agent, request_id, session_id)
    VALUES (:actor, :subject, :action, :outcome, :reason, :ip, :user_agent, :request_id, :session_id)
    """
)
_CONTROLS = {code: f"\\x{code:02x}" for code in (*range(32), *range(127, 160))}


class AuthUnitOfWork(UnitOfWork):
    """One transaction on the auth database."""

    @cached_property
    def users(self) -> UserRepository:
        """Accounts."""
        return UserRepository(self.connection)

    @cached_property
    def sessions(self) -> SessionRepository:
        """Sign-ins."""
        return SessionRepository(self.connection)

    @cached_property
    def mail_requests(self) -> MailRequestRepository:
        """Mails asked for."""
        return MailRequestRepository(self.connection)

    @cached_property
    def throttle(self) -> ThrottleRepository:
        """Counted attempts."""
        return ThrottleRepository(self.connection)

    @cached_property
    def keys(self) -> KeyRepository:
        """The key ring."""
        return KeyRepository(self.connection)

    @cached_property
    def clients(self) -> ClientRepository:
        """Service accounts."""
        return ClientRepository(self.connection)

    @cached_property
    def revocations(self) -> RevocationRepository:
        """The feed of revocations."""
        return RevocationRepository(self.connection)

    @cached_property
    def retention(self) -> RetentionRepository:
        """What time makes superfluous."""
        return RetentionRepository(self.connection)

    def append_events(self, events: Sequence[NewEvent]) -> None:
        """Write events in this transaction; the relay is woken after it."""
        append_events(self.connection, events)
        self.ring(CHANNEL_OUTBOX)

    def audit(self, entry: AuditEntry) -> None:
        """Write a line of the audit log in this transaction; control characters are escaped (ASVS 16.4.1)."""
        values = {
            "actor": entry.actor,
            "subject": entry.subject,
            "action": entry.action,
            "outcome": entry.outcome,
            "reason": entry.reason,
            "ip": entry.origin.ip,
            "user_agent": entry.origin.user_agent and entry.origin.user_agent.translate(_CONTROLS)[:256],
            "request_id": current_request_id(),
            "session_id": entry.origin.session_id,
        }
        self.connection.execute(_AUDIT, values)
