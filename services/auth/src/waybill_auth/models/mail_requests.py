"""The `mail_request` table."""

from typing import Any

from waybill_auth.domain.mail_requests import MailRequest, Purpose

MAIL_COLUMNS = "id, user_id, address_key, purpose, key_version, created_at, expires_at, used_at, superseded_at"


def mail_request_from(row: Any) -> MailRequest:
    """Return the mail request of a row with MAIL_COLUMNS."""
    return MailRequest(
        id=row.id,
        user_id=row.user_id,
        address_key=bytes(row.address_key),
        purpose=Purpose(row.purpose),
        key_version=row.key_version,
        created_at=row.created_at,
        expires_at=row.expires_at,
        used_at=row.used_at,
        superseded_at=row.superseded_at,
    )
