"""Mail requests in PostgreSQL."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime

import sqlalchemy as sa

from waybill_auth.domain.mail_requests import MailRequest, Purpose
from waybill_auth.models.mail_requests import MAIL_COLUMNS, mail_request_from

_INSERT = sa.text(
    """
    INSERT INTO mail_request (id, user_id, address_key, purpose, key_version, created_at, expires_at)
    VALUES (:id, :user_id, :address_key, :purpose, :key_version, :created_at, :expires_at)
    """
)
_BY_ID = sa.text(f"SELECT {MAIL_COLUMNS} FROM mail_request WHERE id = :id")  # noqa: S608 - constant columns
_SUPERSEDE = sa.text(
    """
    UPDATE mail_request SET superseded_at = :at
    WHERE user_id = :user_id AND purpose = ANY (:purposes) AND used_at IS NULL AND superseded_at IS NULL
    """
)
_USE = sa.text(
    """
    UPDATE mail_request SET used_at = :at
    WHERE id = :id AND used_at IS NULL AND superseded_at IS NULL AND expires_at > :at RETURNING 1
    """
)


class MailRequestRepository:
    """Mail requests of one open transaction."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def add(self, request: MailRequest) -> None:
        """Insert."""
        self._connection.execute(_INSERT, asdict(request))

    def by_id(self, request_id: str) -> MailRequest | None:
        """Return the request."""
        row = self._connection.execute(_BY_ID, {"id": request_id}).one_or_none()
        return mail_request_from(row) if row is not None else None

    def supersede(self, user_id: str, purposes: Sequence[Purpose], at: datetime) -> None:
        """Close the account's open requests of these purposes."""
        values = {"user_id": user_id, "purposes": [str(purpose) for purpose in purposes], "at": at}
        self._connection.execute(_SUPERSEDE, values)

    def use(self, request_id: str, at: datetime) -> bool:
        """Spend the request; False when it is used, superseded or expired: exactly one caller gets True."""
        return self._connection.execute(_USE, {"id": request_id, "at": at}).scalar() is not None
