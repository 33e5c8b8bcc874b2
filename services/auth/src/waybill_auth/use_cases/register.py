"""Register an account, telling nobody whether the address was free."""

from dataclasses import dataclass

from waybill_common.ids import new_id

from waybill_auth.domain.addresses import Address
from waybill_auth.domain.audit import NOWHERE, AuditEntry, Origin
from waybill_auth.domain.errors import WeakPasswordError
from waybill_auth.domain.mail_requests import Purpose
from waybill_auth.domain.roles import CUSTOMER
from waybill_auth.domain.users import User
from waybill_auth.use_cases import desks, event_steps, mail_steps, throttle_steps
from waybill_auth.use_cases.ports import Clock, UnitOfWork, UnitOfWorkFactory


@dataclass(frozen=True)
class Register:
    """A registration as it was sent."""

    email: str
    password: str
    name: str | None
    locale: str
    origin: Origin = NOWHERE


def register(
    command: Register,
    unit_of_work: UnitOfWorkFactory,
    admission: desks.Admission,
    passwords: desks.Passwords,
    clock: Clock,
) -> None:
    """Make the account and ask for its verification mail; an address that is taken gets a mail that says so.

    New, verified and unverified addresses are alike to the caller: one hash, one answer. The stored password of an
    unverified account is never replaced here. Raises TooManyAttemptsError, InvalidAddressError, WeakPasswordError
    (decided before any look-up) or HashBusyError.
    """
    throttle_steps.admit_client(
        unit_of_work, admission.links, "register", admission.limits.register_per_ip, command.origin
    )
    address = admission.addresses.read(command.email)
    faults = passwords.rules.faults(command.password, address.email, command.name or "")
    if faults:
        raise WeakPasswordError(faults)
    password_hash = passwords.hasher.hash(command.password)
    user = _new_user(command, address, password_hash, clock)
    with unit_of_work() as work:
        if work.users.add(user):
            work.audit(AuditEntry("user.registered", actor=user.id, subject=user.id, origin=command.origin))
            _mail(work, user, [event_steps.Fact("user.registered")], admission, clock)
        else:
            _greet_owner(work, address, command.origin, admission, clock)


def _new_user(command: Register, address: Address, password_hash: str, clock: Clock) -> User:
    return User(
        id=new_id("usr"),
        email=address.email,
        email_key=address.key,
        name=command.name,
        locale=command.locale,
        timezone="UTC",
        password_hash=password_hash,
        roles=(CUSTOMER,),
        created_at=clock(),
    )


def _greet_owner(work: UnitOfWork, address: Address, origin: Origin, admission: desks.Admission, clock: Clock) -> None:
    owner = work.users.by_email_key(address.key)
    if owner is None:
        return  # removed between the two statements; the person may simply try again
    work.audit(AuditEntry("user.registered", "refused", subject=owner.id, reason="address_taken", origin=origin))
    _mail(work, owner, [], admission, clock)


def _mail(
    work: UnitOfWork, user: User, facts: list[event_steps.Fact], admission: desks.Admission, clock: Clock
) -> None:
    purpose = Purpose.ALREADY_REGISTERED if user.is_verified else Purpose.VERIFY
    if mail_steps.may_mail(work, admission, purpose, user.email_key):
        _, requested = mail_steps.ask_for_mail(work, user, purpose, admission.links, clock())
        facts = [*facts, requested]
    event_steps.tell(work, user.id, facts)
