"""Change a person's name, language or time zone."""

from dataclasses import dataclass

from waybill_auth.domain.audit import NOWHERE, AuditEntry, Origin
from waybill_auth.domain.errors import UserNotFoundError
from waybill_auth.domain.users import Profile
from waybill_auth.use_cases.ports import UnitOfWorkFactory


@dataclass(frozen=True)
class EditProfile:
    """`changes` holds any of `name`, `locale` and `timezone`; only the name may be None."""

    user_id: str
    changes: dict[str, str | None]
    origin: Origin = NOWHERE


def edit_profile(command: EditProfile, unit_of_work: UnitOfWorkFactory) -> Profile:
    """Return the profile after the change; raises UserNotFoundError."""
    with unit_of_work() as work:
        if command.changes:
            work.users.update_profile(command.user_id, command.changes)
            names = ",".join(sorted(command.changes))
            work.audit(
                AuditEntry("profile.changed", "success", command.user_id, command.user_id, names, command.origin)
            )
        user = work.users.by_id(command.user_id)
        if user is None:
            raise UserNotFoundError(command.user_id)
    return Profile.of(user)
