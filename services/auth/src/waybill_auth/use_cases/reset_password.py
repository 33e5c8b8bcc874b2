"""Set a new password with a mailed token."""

from dataclasses import dataclass
from datetime import datetime

from waybill_auth.domain.audit import NOWHERE, AuditEntry, Origin
from waybill_auth.domain.errors import WeakPasswordError
from waybill_auth.domain.mail_requests import Purpose
from waybill_auth.domain.sessions import SessionRules
from waybill_auth.domain.users import User
from waybill_auth.use_cases import desks, event_steps, mail_steps, session_steps
from waybill_auth.use_cases.ports import Clock, LinkKeys, UnitOfWork, UnitOfWorkFactory


@dataclass(frozen=True)
class ResetPassword:
    """The mailed token and the new password."""

    token: str
    password: str
    origin: Origin = NOWHERE


@dataclass(frozen=True)
class ResetRules:
    """What a reset needs to know beside the password's own rules."""

    links: LinkKeys
    sessions: SessionRules


def reset_password(
    command: ResetPassword, unit_of_work: UnitOfWorkFactory, passwords: desks.Passwords, rules: ResetRules, clock: Clock
) -> None:
    """Replace the password, end every session and tell the owner; nobody is signed in by it (OWASP Forgot Password).

    The token came by mail, so the address counts as verified from now on. Raises InvalidMailTokenError,
    WeakPasswordError (the token stays good) or HashBusyError.
    """
    with unit_of_work() as work:
        request, user = mail_steps.open_request(work, command.token, Purpose.RESET, rules.links, clock())
    faults = passwords.rules.faults(command.password, user.email, user.name or "")
    if faults:
        raise WeakPasswordError(faults)
    password_hash = passwords.hasher.hash(command.password)
    now = clock()
    with unit_of_work() as work:
        locked = mail_steps.spend(work, request, rules.links, now)
        work.users.set_password(user.id, password_hash)
        work.audit(AuditEntry("password.reset", actor=user.id, subject=user.id, origin=command.origin))
        facts = [event_steps.Fact("password.changed"), *_verify(work, locked, now)]
        facts += session_steps.end_all_sessions(work, user.id, "password_reset", now, rules.sessions)
        work.mail_requests.supersede(user.id, [Purpose.VERIFY, Purpose.RESET], now)
        work.throttle.forget(rules.links.bucket("login", locked.email_key))
        _, notice = mail_steps.ask_for_mail(work, locked, Purpose.PASSWORD_CHANGED, rules.links, now)
        event_steps.tell(work, user.id, [*facts, notice], actor=user.id)


def _verify(work: UnitOfWork, user: User, now: datetime) -> list[event_steps.Fact]:
    if user.is_verified:
        return []
    work.users.mark_verified(user.id, now)
    return [event_steps.Fact("user.email_verified")]
