"""Mails that auth asks for: purposes, lifetimes, and the text that a link's MAC is made over."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum


class Purpose(StrEnum):
    """Why a mail is sent."""

    VERIFY = "verify"
    ALREADY_REGISTERED = "already_registered"
    RESET = "reset"
    PASSWORD_CHANGED = "password_changed"  # noqa: S105 - a purpose, not a password


LIFETIMES = {
    Purpose.VERIFY: timedelta(hours=24),
    Purpose.RESET: timedelta(minutes=10),  # ASVS 6.5.5
    Purpose.ALREADY_REGISTERED: timedelta(hours=24),
    Purpose.PASSWORD_CHANGED: timedelta(hours=72),
}
WITH_TOKEN = frozenset({Purpose.VERIFY, Purpose.RESET})
"""Purposes whose link carries a token; a newer request of one supersedes the older one."""

PAGES = {
    Purpose.VERIFY: "/verify",
    Purpose.RESET: "/reset",
    Purpose.ALREADY_REGISTERED: "/reset",
    Purpose.PASSWORD_CHANGED: "/reset",
}


@dataclass(frozen=True)
class MailRequest:
    """One mail to be sent; its token is derived from this row and a mounted key, and stored nowhere.

    Without a user it stands for an address that nobody has: the same work was done, and no mail goes out.
    """

    id: str
    user_id: str | None
    address_key: bytes
    purpose: Purpose
    key_version: str
    created_at: datetime
    expires_at: datetime
    used_at: datetime | None = None
    superseded_at: datetime | None = None

    def is_open(self, now: datetime) -> bool:
        """Tell whether the request is neither used nor superseded nor expired."""
        return self.used_at is None and self.superseded_at is None and now < self.expires_at

    def sealed_text(self) -> bytes:
        """Return what the MAC is made over: id, user, address and purpose, each with its length before it."""
        parts = (self.id.encode(), (self.user_id or "").encode(), self.address_key, self.purpose.encode())
        return b"".join(len(part).to_bytes(2, "big") + part for part in parts)
