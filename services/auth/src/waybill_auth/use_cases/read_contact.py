"""Tell a service how to reach an account."""

from waybill_auth.domain.errors import UserNotFoundError
from waybill_auth.domain.users import Profile
from waybill_auth.use_cases.ports import UnitOfWorkFactory


def read_contact(user_id: str, unit_of_work: UnitOfWorkFactory) -> Profile:
    """Return address, name, language and time zone; raises UserNotFoundError."""
    with unit_of_work() as work:
        user = work.users.by_id(user_id)
    if user is None:
        raise UserNotFoundError(user_id)
    return Profile.of(user)
