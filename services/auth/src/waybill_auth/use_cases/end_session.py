"""End one of a person's own sessions."""

from dataclasses import dataclass

from waybill_auth.domain.audit import NOWHERE, AuditEntry, Origin
from waybill_auth.domain.errors import SessionNotFoundError
from waybill_auth.domain.sessions import SessionRules
from waybill_auth.use_cases import event_steps, session_steps
from waybill_auth.use_cases.ports import Clock, UnitOfWorkFactory


@dataclass(frozen=True)
class EndSession:
    """Which session ends, and who asks from which session, signed in when (seconds since 1970)."""

    session_id: str
    user_id: str
    own_session_id: str | None
    auth_time: int | None
    origin: Origin = NOWHERE


def end_session(command: EndSession, unit_of_work: UnitOfWorkFactory, rules: SessionRules, clock: Clock) -> None:
    """End the session; one that has ended already is no error. Ending another one than the own needs a recent sign-in.

    Raises StepUpRequiredError, or SessionNotFoundError for an unknown id and for somebody else's alike.
    """
    now = clock()
    if command.session_id != command.own_session_id:
        session_steps.require_recent(command.auth_time, now, rules)
    with unit_of_work() as work:
        session = work.sessions.by_id(command.session_id)
        if session is None or session.user_id != command.user_id:
            raise SessionNotFoundError(command.session_id)
        work.users.lock(command.user_id)
        facts = session_steps.end_sessions(work, [session.id], "ended_by_owner", now, rules)
        if facts:
            user_id = command.user_id
            work.audit(AuditEntry("session.ended", "success", user_id, user_id, session.id, command.origin))
            event_steps.tell(work, user_id, facts, actor=user_id)
