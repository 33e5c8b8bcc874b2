"""Accounts as the use cases see them."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class User:
    """One account; `email` is what was entered and what mail goes to, `email_key` what is unique."""

    id: str
    email: str
    email_key: str
    name: str | None
    locale: str
    timezone: str
    password_hash: str | None
    roles: tuple[str, ...]
    created_at: datetime
    email_verified_at: datetime | None = None
    disabled_at: datetime | None = None

    @property
    def is_verified(self) -> bool:
        """Somebody has shown that the mailbox is his."""
        return self.email_verified_at is not None

    @property
    def is_disabled(self) -> bool:
        """The account was switched off."""
        return self.disabled_at is not None


@dataclass(frozen=True)
class Profile:
    """What a person sees of his own account, and what a service may know to write to him."""

    id: str
    email: str
    name: str | None
    locale: str
    timezone: str
    roles: tuple[str, ...]
    created_at: datetime

    @classmethod
    def of(cls, user: User) -> "Profile":
        """Return the profile of an account."""
        return cls(user.id, user.email, user.name, user.locale, user.timezone, user.roles, user.created_at)
