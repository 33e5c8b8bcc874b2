"""Show a person his account."""

from waybill_auth.domain.errors import UserNotFoundError
from waybill_auth.domain.users import Profile
from waybill_auth.use_cases.ports import UnitOfWorkFactory


def show_profile(user_id: str, unit_of_work: UnitOfWorkFactory) -> Profile:
    """Return the profile; raises UserNotFoundError."""
    with unit_of_work() as work:
        user = work.users.by_id(user_id)
    if user is None:
        raise UserNotFoundError(user_id)
    return Profile.of(user)
