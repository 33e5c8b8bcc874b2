"""Sign in with a password."""

from dataclasses import dataclass
from enum import StrEnum

from waybill_auth.domain.audit import NOWHERE, AuditEntry, Origin
from waybill_auth.domain.errors import (
    AccountDisabledError,
    DomainError,
    EmailNotVerifiedError,
    HashBusyError,
    InvalidAddressError,
    InvalidCredentialsError,
    TooManyAttemptsError,
)
from waybill_auth.domain.throttles import client_of
from waybill_auth.domain.users import User
from waybill_auth.use_cases import desks, event_steps, session_steps
from waybill_auth.use_cases.ports import PasswordHasher, UnitOfWorkFactory


class LoginOutcome(StrEnum):
    """How a sign-in ended, for the audit log."""

    FAILED = "login.failed"
    THROTTLED = "login.throttled"
    SUCCEEDED = "login.succeeded"


@dataclass(frozen=True)
class LogIn:
    """A sign-in as it was sent; the address need not be one."""

    email: str
    password: str
    origin: Origin = NOWHERE


@dataclass(frozen=True)
class _Attempt:
    """An attempt that was let in: its throttle bucket, and the account if there is one."""

    bucket: bytes
    user: User | None


def log_in(
    command: LogIn,
    unit_of_work: UnitOfWorkFactory,
    admission: desks.Admission,
    hasher: PasswordHasher,
    desk: desks.SessionDesk,
) -> session_steps.SessionTokens:
    """Return the tokens of a new session.

    The attempt is taken from the throttle before the hash and given back on success; every path that is not throttled
    does exactly one hash, outside of any transaction. Raises InvalidCredentialsError alike for everything a guesser
    could learn from; EmailNotVerifiedError and AccountDisabledError only after the right password;
    TooManyAttemptsError or HashBusyError without a hash.
    """
    attempt = _reserve(command, unit_of_work, admission)
    user = attempt.user
    try:
        check = hasher.check(command.password, user.password_hash if user is not None else None)
    except HashBusyError:
        with unit_of_work() as work:
            work.throttle.give_back(attempt.bucket)
        raise
    refusal = _refusal(user) if check.matches else InvalidCredentialsError("wrong")
    if user is None or refusal is not None:
        refusal = refusal or InvalidCredentialsError("unknown")
        raise _note_failure(refusal, attempt, check.matches, command, unit_of_work)
    new_hash = _renewed_hash(command.password, hasher) if check.needs_rehash else None
    now = desk.clock()
    with unit_of_work() as work:
        locked = work.users.lock(user.id)
        if locked is None or locked.password_hash != user.password_hash or locked.is_disabled:
            raise InvalidCredentialsError("the account changed meanwhile")
        work.throttle.forget(attempt.bucket)
        if new_hash is not None:
            work.users.set_password(user.id, new_hash)
        opened, facts = session_steps.begin_session(work, locked, command.origin, desk, now)
        origin = Origin(command.origin.ip, command.origin.user_agent, opened.session.id)
        work.audit(AuditEntry(LoginOutcome.SUCCEEDED, actor=user.id, subject=user.id, reason="pwd", origin=origin))
        event_steps.tell(work, user.id, facts, actor=user.id)
    return session_steps.make_tokens(locked, opened, desk, now)


def _renewed_hash(password: str, hasher: PasswordHasher) -> str | None:
    """Return today's form of the password, None when no slot is free: the next sign-in renews it, this one succeeds."""
    try:
        return hasher.hash(password)
    except HashBusyError:
        return None


def _reserve(command: LogIn, unit_of_work: UnitOfWorkFactory, admission: desks.Admission) -> _Attempt:
    links, limits = admission.links, admission.limits
    email_key = _email_key(command.email, admission)
    bucket = links.bucket("login", email_key)
    with unit_of_work() as work:
        wait = work.throttle.count(links.bucket("login-ip", client_of(command.origin.ip)), limits.login_per_ip)
        wait = wait or work.throttle.reserve(bucket, limits.login_failures)
        user = work.users.by_email_key(email_key) if not wait else None
        if wait:
            work.audit(AuditEntry(LoginOutcome.THROTTLED, "refused", origin=command.origin))
    if wait:
        raise TooManyAttemptsError(wait)
    return _Attempt(bucket, user)


def _email_key(email: str, admission: desks.Admission) -> str:
    """Return the key to look for; one that no account can have when the text is no address, so the work is the same."""
    try:
        return admission.addresses.read(email).key
    except InvalidAddressError:
        return f"not an address: {email.casefold()[:512]}"


def _refusal(user: User | None) -> DomainError | None:
    if user is None:
        return InvalidCredentialsError("unknown")
    if user.is_disabled:
        return AccountDisabledError("the account is switched off")
    return None if user.is_verified else EmailNotVerifiedError("the address is not verified yet")


def _note_failure(
    refusal: DomainError, attempt: _Attempt, is_right_password: bool, command: LogIn, unit_of_work: UnitOfWorkFactory
) -> DomainError:
    with unit_of_work() as work:
        if is_right_password:
            work.throttle.forget(attempt.bucket)  # no guess: whoever sent it knows the password
        subject = attempt.user.id if attempt.user is not None else None
        work.audit(AuditEntry(LoginOutcome.FAILED, "refused", None, subject, refusal.code, command.origin))
    return refusal
