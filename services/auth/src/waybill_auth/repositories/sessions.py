"""Sessions in PostgreSQL, and the feed of their ends."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime

import sqlalchemy as sa

from waybill_auth.domain.revocations import Revocation
from waybill_auth.domain.sessions import Session
from waybill_auth.models.sessions import SESSION_COLUMNS, session_from

_INSERT = sa.text(
    """
    INSERT INTO sessions (id, user_id, client_id, created_at, last_seen_at, idle_expires_at, absolute_expires_at,
                          counter, hmac_key_enc, rotated_at, amr, ip, user_agent)
    VALUES (:id, :user_id, :client_id, :created_at, :last_seen_at, :idle_expires_at, :absolute_expires_at,
            :counter, :sealed_key, :rotated_at, :amr, :ip, :user_agent)
    """
)
_BY_ID = sa.text(f"SELECT {SESSION_COLUMNS} FROM sessions WHERE id = :id")  # noqa: S608 - constant columns
_LIVE = sa.text(
    f"""
    SELECT {SESSION_COLUMNS} FROM sessions
    WHERE user_id = :user_id AND revoked_at IS NULL AND idle_expires_at > :now AND absolute_expires_at > :now
    ORDER BY created_at, id
    """  # noqa: S608 - constant columns
)
# Compare and swap: of any number of racers exactly one finds the counter unchanged.
_ROTATE = sa.text(
    """
    UPDATE sessions SET counter = counter + 1, rotated_at = :now, last_seen_at = :now, idle_expires_at = :idle
    WHERE id = :id AND counter = :counter AND revoked_at IS NULL RETURNING 1
    """
)
_RESEAL = sa.text("UPDATE sessions SET hmac_key_enc = :sealed WHERE id = :id")
_REVOKE = sa.text(
    """
    UPDATE sessions SET revoked_at = :at, revoked_reason = :reason
    WHERE id = ANY (:ids) AND revoked_at IS NULL RETURNING id
    """
)
_END_TOKEN = sa.text("INSERT INTO revoked_token (jti, until) VALUES (:jti, :until) ON CONFLICT DO NOTHING")
_FEED = sa.text(
    """
    SELECT 'sid' AS kind, id, CAST(NULL AS bigint) AS not_before,
           CAST(ceil(extract(epoch FROM revoked_at)) AS bigint) + :keep AS until
    FROM sessions WHERE revoked_at >= :moment
    UNION ALL
    SELECT 'sub', id, CAST(floor(extract(epoch FROM tokens_not_before)) AS bigint),
           CAST(ceil(extract(epoch FROM tokens_not_before)) AS bigint) + :keep
    FROM users WHERE tokens_not_before >= :moment
    ORDER BY until, id
    """
)


class SessionRepository:
    """Sessions of one open transaction."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def add(self, session: Session) -> None:
        """Insert."""
        self._connection.execute(_INSERT, asdict(session) | {"amr": list(session.amr)})

    def by_id(self, session_id: str) -> Session | None:
        """Return the session."""
        row = self._connection.execute(_BY_ID, {"id": session_id}).one_or_none()
        return session_from(row) if row is not None else None

    def live_of(self, user_id: str, now: datetime) -> list[Session]:
        """Return the account's live sessions, oldest first."""
        return [session_from(row) for row in self._connection.execute(_LIVE, {"user_id": user_id, "now": now})]

    def rotate(self, session: Session, now: datetime, idle_expires_at: datetime) -> bool:
        """Raise the counter by one if it still is `session.counter`; False when somebody else was quicker."""
        values = {"id": session.id, "counter": session.counter, "now": now, "idle": idle_expires_at}
        return self._connection.execute(_ROTATE, values).scalar() is not None

    def reseal(self, session_id: str, sealed_key: bytes) -> None:
        """Replace the encrypted key, after the key that encrypts it has changed."""
        self._connection.execute(_RESEAL, {"id": session_id, "sealed": sealed_key})

    def revoke(self, session_ids: Sequence[str], reason: str, at: datetime) -> list[str]:
        """End those of the sessions that were not ended, and return their ids."""
        values = {"ids": list(session_ids), "reason": reason, "at": at}
        return sorted(self._connection.execute(_REVOKE, values).scalars())

    def end_token(self, token_id: str, until: datetime) -> None:
        """End one token that belongs to no session; it expires at `until` anyway."""
        self._connection.execute(_END_TOKEN, {"jti": token_id, "until": until})


class RevocationRepository:
    """The feed of revocations that a starting service reads."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def since(self, moment: datetime, keep_seconds: int) -> list[Revocation]:
        """Return what was revoked at or after the moment; an entry is kept `keep_seconds` from its making."""
        rows = self._connection.execute(_FEED, {"moment": moment, "keep": keep_seconds})
        return [Revocation(row.kind, row.id, row.not_before, row.until) for row in rows]
