"""Sessions and the verdict on a presented refresh token."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

FIRST_PARTY_CLIENT = "waybill"
"""The client of people who sign in through `/v1/login`; public, so it authenticates by nothing but its name."""


@dataclass(frozen=True)
class SessionRules:
    """Lifetimes in seconds, of sessions, tokens, the reuse grace, and of a sign-in that counts as recent."""

    idle_seconds: int = 7 * 86_400
    absolute_seconds: int = 30 * 86_400
    access_seconds: int = 600
    service_seconds: int = 300
    grace_seconds: int = 10
    recent_seconds: int = 600
    max_sessions: int = 20


@dataclass(frozen=True)
class Session:
    """One sign-in; `counter` numbers its refresh tokens, `sealed_key` is their HMAC key, encrypted."""

    id: str
    user_id: str
    client_id: str
    created_at: datetime
    last_seen_at: datetime
    idle_expires_at: datetime
    absolute_expires_at: datetime
    counter: int
    sealed_key: bytes
    rotated_at: datetime
    amr: tuple[str, ...]
    ip: str | None
    user_agent: str | None
    revoked_at: datetime | None = None
    revoked_reason: str | None = None

    def is_alive(self, now: datetime) -> bool:
        """Tell whether the session is neither revoked nor past its idle or absolute end."""
        return self.revoked_at is None and now < self.idle_expires_at and now < self.absolute_expires_at

    def idle_end_from(self, now: datetime, rules: SessionRules) -> datetime:
        """Return when the session ends if nobody uses it from now on."""
        return min(now + timedelta(seconds=rules.idle_seconds), self.absolute_expires_at)


class Verdict(Enum):
    """What a presented refresh token earns."""

    ROTATE = "rotated"
    REPEAT = "grace"
    REUSE = "reuse"
    REFUSE = "invalid"


def judge_refresh(session: Session, presented: int, now: datetime, rules: SessionRules) -> Verdict:
    """Return the verdict on a genuine refresh token with the counter `presented`.

    One behind within the grace gets the same successor again, because two tabs may race or an answer may be lost;
    later it is taken for theft (OAuth 2.1 section 4.3.1). A thief inside the grace holds the same successor as the
    owner, and the next rotation by either shows it.
    """
    if not session.is_alive(now) or presented > session.counter:
        return Verdict.REFUSE
    if presented == session.counter:
        return Verdict.ROTATE
    is_parent = presented == session.counter - 1
    in_grace = now - session.rotated_at <= timedelta(seconds=rules.grace_seconds)
    return Verdict.REPEAT if is_parent and in_grace else Verdict.REUSE
