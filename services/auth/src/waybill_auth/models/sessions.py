"""The `sessions` table."""

from typing import Any

from waybill_auth.domain.sessions import Session

SESSION_COLUMNS = (
    "id, user_id, client_id, created_at, last_seen_at, idle_expires_at, absolute_expires_at, counter, hmac_key_enc, "
    "rotated_at, amr, ip, user_agent, revoked_at, revoked_reason"
)


def session_from(row: Any) -> Session:
    """Return the session of a row with SESSION_COLUMNS."""
    return Session(
        id=row.id,
        user_id=row.user_id,
        client_id=row.client_id,
        created_at=row.created_at,
        last_seen_at=row.last_seen_at,
        idle_expires_at=row.idle_expires_at,
        absolute_expires_at=row.absolute_expires_at,
        counter=row.counter,
        sealed_key=bytes(row.hmac_key_enc),
        rotated_at=row.rotated_at,
        amr=tuple(row.amr),
        ip=row.ip,
        user_agent=row.user_agent,
        revoked_at=row.revoked_at,
        revoked_reason=row.revoked_reason,
    )
