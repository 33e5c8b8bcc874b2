"""The `users` table."""

from typing import Any

from waybill_auth.domain.users import User

USER_COLUMNS = (
    "users.id, users.email, users.email_key, users.name, users.locale, users.timezone, users.password_hash, "
    "users.roles, users.created_at, users.email_verified_at, users.disabled_at"
)


def user_from(row: Any) -> User:
    """Return the account of a row with USER_COLUMNS."""
    return User(
        id=row.id,
        email=row.email,
        email_key=row.email_key,
        name=row.name,
        locale=row.locale,
        timezone=row.timezone,
        password_hash=row.password_hash,
        roles=tuple(row.roles),
        created_at=row.created_at,
        email_verified_at=row.email_verified_at,
        disabled_at=row.disabled_at,
    )
