"""Change one's own password, knowing the current one."""

from dataclasses import dataclass

from waybill_auth.domain.audit import NOWHERE, AuditEntry, Origin
from waybill_auth.domain.errors import (
    HashBusyError,
    InvalidCredentialsError,
    TooManyAttemptsError,
    UserNotFoundError,
    WeakPasswordError,
)
from waybill_auth.domain.mail_requests import Purpose
from waybill_auth.domain.sessions import SessionRules
from waybill_auth.domain.users import User
from waybill_auth.use_cases import desks, event_steps, mail_steps, session_steps
from waybill_auth.use_cases.ports import Clock, UnitOfWorkFactory


@dataclass(frozen=True)
class ChangePassword:
    """Who changes it, in which session, from what to what."""

    user_id: str
    session_id: str | None
    current: str
    new: str
    origin: Origin = NOWHERE


@dataclass(frozen=True)
class ChangeRules:
    """What a change needs to know beside the password's own rules."""

    admission: desks.Admission
    sessions: SessionRules


def change_password(
    command: ChangePassword,
    unit_of_work: UnitOfWorkFactory,
    passwords: desks.Passwords,
    rules: ChangeRules,
    clock: Clock,
) -> None:
    """Replace the password; the session it was done in lives on, all others end, and the owner gets a mail.

    A guess at the current password counts like one at sign-in. Raises WeakPasswordError, InvalidCredentialsError,
    TooManyAttemptsError or HashBusyError.
    """
    links = rules.admission.links
    user, bucket = _reserve(command, unit_of_work, passwords, rules)
    try:
        matches = passwords.hasher.check(command.current, user.password_hash).matches
        password_hash = passwords.hasher.hash(command.new) if matches else None
    except HashBusyError:
        with unit_of_work() as work:
            work.throttle.give_back(bucket)
        raise
    if password_hash is None:
        with unit_of_work() as work:
            entry = AuditEntry("password.changed", "refused", user.id, user.id, "invalid_credentials", command.origin)
            work.audit(entry)
        raise InvalidCredentialsError("wrong")
    now = clock()
    with unit_of_work() as work:
        locked = work.users.lock(user.id)
        if locked is None or locked.password_hash != user.password_hash:
            raise InvalidCredentialsError("the account changed meanwhile")
        work.users.set_password(user.id, password_hash)
        work.throttle.forget(bucket)
        work.mail_requests.supersede(user.id, [Purpose.RESET], now)
        work.audit(AuditEntry("password.changed", actor=user.id, subject=user.id, origin=command.origin))
        others = [live.id for live in work.sessions.live_of(user.id, now) if live.id != command.session_id]
        ended = session_steps.end_sessions(work, others, "password_changed", now, rules.sessions)
        _, notice = mail_steps.ask_for_mail(work, locked, Purpose.PASSWORD_CHANGED, links, now)
        event_steps.tell(work, user.id, [event_steps.Fact("password.changed"), *ended, notice], actor=user.id)


def _reserve(
    command: ChangePassword, unit_of_work: UnitOfWorkFactory, passwords: desks.Passwords, rules: ChangeRules
) -> tuple[User, bytes]:
    with unit_of_work() as work:
        user = work.users.by_id(command.user_id)
    if user is None:
        raise UserNotFoundError(command.user_id)
    faults = passwords.rules.faults(command.new, user.email, user.name or "")
    if faults:
        raise WeakPasswordError(faults)
    bucket = rules.admission.links.bucket("login", user.email_key)
    with unit_of_work() as work:
        wait = work.throttle.reserve(bucket, rules.admission.limits.login_failures)
    if wait:
        raise TooManyAttemptsError(wait)
    return user, bucket
