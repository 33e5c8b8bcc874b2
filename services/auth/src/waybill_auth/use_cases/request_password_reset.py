"""Ask for a password reset mail, with the same work and answer whether the address is known or not."""

from dataclasses import dataclass

from waybill_auth.domain.audit import NOWHERE, AuditEntry, Origin
from waybill_auth.domain.mail_requests import Purpose
from waybill_auth.use_cases import desks, event_steps, mail_steps, throttle_steps
from waybill_auth.use_cases.ports import Clock, UnitOfWorkFactory


@dataclass(frozen=True)
class RequestPasswordReset:
    """The address somebody typed."""

    email: str
    origin: Origin = NOWHERE


def request_password_reset(
    command: RequestPasswordReset, unit_of_work: UnitOfWorkFactory, admission: desks.Admission, clock: Clock
) -> None:
    """Insert one mail request: for the account's stored address, or without an account and without an event.

    Above the address's limits nothing is inserted, known or not. Raises InvalidAddressError, or TooManyAttemptsError by
    client address; nothing is ever locked by it.
    """
    throttle_steps.admit_client(unit_of_work, admission.links, "forgot", admission.limits.forgot_per_ip, command.origin)
    key = admission.addresses.read(command.email).key
    now = clock()
    with unit_of_work() as work:
        if not mail_steps.may_mail(work, admission, Purpose.RESET, key):
            return
        user = work.users.by_email_key(key)
        subject = user.id if user is not None else None
        work.audit(AuditEntry("password.reset_requested", subject=subject, origin=command.origin))
        if user is None:
            work.mail_requests.add(mail_steps.new_request(None, key, Purpose.RESET, admission.links, now))
        else:
            _, requested = mail_steps.ask_for_mail(work, user, Purpose.RESET, admission.links, now)
            event_steps.tell(work, user.id, [requested])
