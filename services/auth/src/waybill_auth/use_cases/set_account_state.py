"""Switch an account off or on, by the operator."""

from dataclasses import dataclass

from waybill_auth.domain.audit import AuditEntry
from waybill_auth.domain.errors import UserNotFoundError
from waybill_auth.domain.sessions import SessionRules
from waybill_auth.use_cases import event_steps, session_steps
from waybill_auth.use_cases.ports import AddressReader, Clock, UnitOfWorkFactory

_OPERATOR = "operator"


@dataclass(frozen=True)
class SetAccountState:
    """Switch the account off (`disables`) or on."""

    email: str
    disables: bool


def set_account_state(
    command: SetAccountState,
    unit_of_work: UnitOfWorkFactory,
    addresses: AddressReader,
    rules: SessionRules,
    clock: Clock,
) -> None:
    """Switch the account; off also ends every session. Raises InvalidAddressError or UserNotFoundError."""
    key, now = addresses.read(command.email).key, clock()
    with unit_of_work() as work:
        found = work.users.by_email_key(key)
        user = work.users.lock(found.id) if found is not None else None
        if user is None:
            raise UserNotFoundError(command.email)
        if user.is_disabled == command.disables:
            return
        work.users.set_disabled(user.id, now if command.disables else None)
        action = "user.disabled" if command.disables else "user.enabled"
        work.audit(AuditEntry(action, actor=_OPERATOR, subject=user.id))
        if command.disables:
            facts = [
                event_steps.Fact("user.disabled"),
                *session_steps.end_all_sessions(work, user.id, "disabled", now, rules),
            ]
            event_steps.tell(work, user.id, facts, actor=_OPERATOR)
