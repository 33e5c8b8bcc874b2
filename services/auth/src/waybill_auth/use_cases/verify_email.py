"""Verify an address: the holder of the mailbox states the password."""

from dataclasses import dataclass

from waybill_auth.domain.audit import NOWHERE, AuditEntry, Origin
from waybill_auth.domain.errors import WeakPasswordError
from waybill_auth.domain.mail_requests import Purpose
from waybill_auth.use_cases import desks, event_steps, mail_steps
from waybill_auth.use_cases.ports import Clock, LinkKeys, UnitOfWorkFactory


@dataclass(frozen=True)
class VerifyEmail:
    """The mailed token and the password that shall open the account from now on."""

    token: str
    password: str
    origin: Origin = NOWHERE


def verify_email(
    command: VerifyEmail, unit_of_work: UnitOfWorkFactory, links: LinkKeys, passwords: desks.Passwords, clock: Clock
) -> None:
    """Mark the address verified and make the stated password the account's.

    Storing what is stated gives the same account whether it equals the password of the registration or not, so it is
    not compared: an attacker who registered somebody else's address gains nothing (pre-hijacking). Raises
    InvalidMailTokenError, WeakPasswordError (the token stays good) or HashBusyError.
    """
    with unit_of_work() as work:
        request, user = mail_steps.open_request(work, command.token, Purpose.VERIFY, links, clock())
    faults = passwords.rules.faults(command.password, user.email, user.name or "")
    if faults:
        raise WeakPasswordError(faults)
    password_hash = passwords.hasher.hash(command.password)
    now = clock()
    with unit_of_work() as work:
        mail_steps.spend(work, request, links, now)
        work.users.set_password(user.id, password_hash)
        work.users.mark_verified(user.id, now)
        work.audit(AuditEntry("email.verified", actor=user.id, subject=user.id, origin=command.origin))
        event_steps.tell(work, user.id, [event_steps.Fact("user.email_verified")], actor=user.id)
