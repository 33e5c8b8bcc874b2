"""List a person's own sessions."""

from dataclasses import dataclass
from datetime import datetime

from waybill_auth.domain.sessions import SessionRules
from waybill_auth.use_cases import session_steps
from waybill_auth.use_cases.ports import Clock, UnitOfWorkFactory


@dataclass(frozen=True)
class SessionSummary:
    """One live session; `is_current` is the one that asked."""

    id: str
    is_current: bool
    ip: str | None
    user_agent: str | None
    created_at: datetime
    last_seen_at: datetime
    expires_at: datetime


@dataclass(frozen=True)
class ListSessions:
    """Who asks, from which session, and when he signed in (seconds since 1970)."""

    user_id: str
    session_id: str | None
    auth_time: int | None


def list_sessions(
    query: ListSessions, unit_of_work: UnitOfWorkFactory, rules: SessionRules, clock: Clock
) -> list[SessionSummary]:
    """Return the live sessions, newest first; raises StepUpRequiredError when the sign-in is too old."""
    now = clock()
    session_steps.require_recent(query.auth_time, now, rules)
    with unit_of_work() as work:
        live = work.sessions.live_of(query.user_id, now)
    return [
        SessionSummary(
            id=session.id,
            is_current=session.id == query.session_id,
            ip=session.ip,
            user_agent=session.user_agent,
            created_at=session.created_at,
            last_seen_at=session.last_seen_at,
            expires_at=min(session.idle_expires_at, session.absolute_expires_at),
        )
        for session in reversed(live)
    ]
