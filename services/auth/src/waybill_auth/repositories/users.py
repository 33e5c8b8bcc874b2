"""Accounts in PostgreSQL."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime

import sqlalchemy as sa

from waybill_auth.domain.users import User
from waybill_auth.models.users import USER_COLUMNS, user_from

_INSERT = sa.text(
    """
    INSERT INTO users (id, email, email_key, name, locale, timezone, password_hash, roles, created_at,
                       email_verified_at)
    VALUES (:id, :email, :email_key, :name, :locale, :timezone, :password_hash, :roles, :created_at, :email_verified_at)
    ON CONFLICT (email_key) DO NOTHING RETURNING id
    """
)
_BY_ID = sa.text(f"SELECT {USER_COLUMNS} FROM users WHERE id = :id")  # noqa: S608 - constant columns
_BY_KEY = sa.text(f"SELECT {USER_COLUMNS} FROM users WHERE email_key = :key")  # noqa: S608 - constant columns
# NO KEY UPDATE: a session that is being inserted holds a key-share lock on its account, which must not wait for us.
_LOCK = sa.text(f"SELECT {USER_COLUMNS} FROM users WHERE id = :id FOR NO KEY UPDATE")  # noqa: S608 - constant columns
_SEQUENCE = sa.text("UPDATE users SET event_sequence = event_sequence + :by WHERE id = :id RETURNING event_sequence")
_SET_PASSWORD = sa.text("UPDATE users SET password_hash = :hash WHERE id = :id")
_VERIFY = sa.text("UPDATE users SET email_verified_at = coalesce(email_verified_at, :at) WHERE id = :id")
_SET_ROLES = sa.text("UPDATE users SET roles = :roles WHERE id = :id")
_SET_DISABLED = sa.text("UPDATE users SET disabled_at = :at WHERE id = :id")
_NOT_BEFORE = sa.text("UPDATE users SET tokens_not_before = :at WHERE id = :id")
_PROFILE = sa.text(
    """
    UPDATE users SET name = CASE WHEN :sets_name THEN :name ELSE name END,
                     locale = coalesce(:locale, locale), timezone = coalesce(:timezone, timezone)
    WHERE id = :id
    """
)
_ADMINS = sa.text("SELECT id FROM users WHERE 'admin' = ANY (roles) ORDER BY id FOR NO KEY UPDATE")
_LIVE = sa.text(
    """
    SELECT DISTINCT user_id FROM sessions WHERE revoked_at IS NULL AND user_id > :after ORDER BY user_id LIMIT :limit
    """
)
_UNVERIFIED = sa.text(
    """
    SELECT id FROM users WHERE email_verified_at IS NULL AND created_at < :moment
    ORDER BY created_at LIMIT :limit FOR UPDATE SKIP LOCKED
    """
)
_REMOVE = sa.text("DELETE FROM users WHERE id = :id")


class UserRepository:
    """Accounts of one open transaction."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def add(self, user: User) -> bool:
        """Insert; False when the address is taken already."""
        values = asdict(user) | {"roles": list(user.roles)}
        return self._connection.execute(_INSERT, values).scalar() is not None

    def by_id(self, user_id: str) -> User | None:
        """Return the account."""
        return self._one(_BY_ID, {"id": user_id})

    def by_email_key(self, email_key: str) -> User | None:
        """Return the account with this address."""
        return self._one(_BY_KEY, {"key": email_key})

    def lock(self, user_id: str) -> User | None:
        """Return the account and hold its row until the end; always before its sessions, so that nothing deadlocks."""
        return self._one(_LOCK, {"id": user_id})

    def raise_sequence(self, user_id: str, by: int) -> int:
        """Raise the number of the account's last event and return the new one."""
        return int(self._connection.execute(_SEQUENCE, {"id": user_id, "by": by}).scalar_one())

    def set_password(self, user_id: str, password_hash: str) -> None:
        """Replace the stored password."""
        self._connection.execute(_SET_PASSWORD, {"id": user_id, "hash": password_hash})

    def mark_verified(self, user_id: str, at: datetime) -> None:
        """Note that the mailbox is the account's; a second time changes nothing."""
        self._connection.execute(_VERIFY, {"id": user_id, "at": at})

    def set_roles(self, user_id: str, roles: Sequence[str]) -> None:
        """Replace the roles."""
        self._connection.execute(_SET_ROLES, {"id": user_id, "roles": list(roles)})

    def set_disabled(self, user_id: str, at: datetime | None) -> None:
        """Switch the account off, or on again with None."""
        self._connection.execute(_SET_DISABLED, {"id": user_id, "at": at})

    def set_not_before(self, user_id: str, at: datetime) -> None:
        """Refuse every token of the account that was issued earlier."""
        self._connection.execute(_NOT_BEFORE, {"id": user_id, "at": at})

    def update_profile(self, user_id: str, changes: dict[str, str | None]) -> None:
        """Change any of `name`, `locale`, `timezone`; only the name can be emptied with None."""
        values = {
            "id": user_id,
            "sets_name": "name" in changes,
            "name": changes.get("name"),
            "locale": changes.get("locale"),
            "timezone": changes.get("timezone"),
        }
        self._connection.execute(_PROFILE, values)

    def lock_admins(self) -> list[str]:
        """Return the ids of all administrators and hold their rows."""
        return list(self._connection.execute(_ADMINS).scalars())

    def with_live_sessions(self, limit: int, after: str) -> list[str]:
        """Return up to `limit` ids above `after` of accounts that have a live session, ascending."""
        return list(self._connection.execute(_LIVE, {"limit": limit, "after": after}).scalars())

    def unverified_before(self, moment: datetime, limit: int) -> list[str]:
        """Lock and return accounts that were made before the moment and never verified."""
        return list(self._connection.execute(_UNVERIFIED, {"moment": moment, "limit": limit}).scalars())

    def remove(self, user_id: str) -> None:
        """Delete the account with everything that hangs on it."""
        self._connection.execute(_REMOVE, {"id": user_id})

    def _one(self, statement: sa.TextClause, values: dict[str, str]) -> User | None:
        row = self._connection.execute(statement, values).one_or_none()
        return user_from(row) if row is not None else None
