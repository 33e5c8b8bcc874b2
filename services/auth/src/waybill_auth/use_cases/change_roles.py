"""Grant or revoke a role, by the operator."""

from dataclasses import dataclass

from waybill_auth.domain.audit import AuditEntry
from waybill_auth.domain.errors import LastAdminError, UserNotFoundError
from waybill_auth.domain.roles import ADMIN, check_role
from waybill_auth.domain.sessions import SessionRules
from waybill_auth.use_cases import event_steps, session_steps
from waybill_auth.use_cases.ports import AddressReader, Clock, UnitOfWorkFactory

_OPERATOR = "operator"


@dataclass(frozen=True)
class ChangeRole:
    """Give (`grants`) or take a role."""

    email: str
    role: str
    grants: bool


def change_role(
    command: ChangeRole, unit_of_work: UnitOfWorkFactory, addresses: AddressReader, rules: SessionRules, clock: Clock
) -> tuple[str, ...]:
    """Return the roles after the change; a role that is held (or not) already changes nothing.

    Roles are in the tokens, so every session of the account ends. Raises UnknownRoleError, InvalidAddressError,
    UserNotFoundError, or LastAdminError when nobody would be administrator any more.
    """
    role, key, now = check_role(command.role), addresses.read(command.email).key, clock()
    with unit_of_work() as work:
        # All administrators are locked, in one order, before the count: two of them cannot remove each other.
        admins = work.users.lock_admins() if role == ADMIN else []
        found = work.users.by_email_key(key)
        user = work.users.lock(found.id) if found is not None else None
        if user is None:
            raise UserNotFoundError(command.email)
        if (role in user.roles) == command.grants:
            return user.roles
        if admins == [user.id]:
            raise LastAdminError(user.id)
        roles = (*user.roles, role) if command.grants else tuple(held for held in user.roles if held != role)
        work.users.set_roles(user.id, roles)
        action = "role.granted" if command.grants else "role.revoked"
        work.audit(AuditEntry(action, actor=_OPERATOR, subject=user.id, reason=role))
        facts = [event_steps.Fact("user.roles_changed", {"roles": list(roles)})]
        facts += session_steps.end_all_sessions(work, user.id, "roles_changed", now, rules)
        event_steps.tell(work, user.id, facts, actor=_OPERATOR)
    return roles
