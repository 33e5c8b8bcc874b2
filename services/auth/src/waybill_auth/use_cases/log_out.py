"""Sign out: this session, the others, or all."""

from dataclasses import dataclass
from typing import Literal

from waybill_auth.domain.audit import NOWHERE, AuditEntry, Origin
from waybill_auth.domain.sessions import SessionRules
from waybill_auth.use_cases import event_steps, session_steps
from waybill_auth.use_cases.ports import Clock, UnitOfWorkFactory

LogoutScope = Literal["local", "others", "global"]


@dataclass(frozen=True)
class LogOut:
    """Whose sessions end, as seen from the session he acts in."""

    user_id: str
    session_id: str | None
    scope: LogoutScope = "local"
    origin: Origin = NOWHERE


def log_out(command: LogOut, unit_of_work: UnitOfWorkFactory, rules: SessionRules, clock: Clock) -> None:
    """End the sessions; those that have ended already stay as they are, so a second call changes nothing."""
    now = clock()
    with unit_of_work() as work:
        if work.users.lock(command.user_id) is None:
            return
        chosen = [
            session.id
            for session in work.sessions.live_of(command.user_id, now)
            if command.scope == "global" or (session.id == command.session_id) == (command.scope == "local")
        ]
        facts = session_steps.end_sessions(work, chosen, "logout", now, rules)
        if facts:
            user_id = command.user_id
            work.audit(AuditEntry("logout", "success", user_id, user_id, command.scope, command.origin))
            event_steps.tell(work, user_id, facts, actor=user_id)
