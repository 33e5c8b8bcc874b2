"""Removal of what time has made superfluous, in small batches."""

from datetime import datetime

import sqlalchemy as sa

_BATCH = 1_000
# Ended sessions are kept 30 days for the audit's sake; mail requests a week after they expired.
_STATEMENTS = {
    "sessions": sa.text(
        """
        DELETE FROM sessions WHERE id IN (
            SELECT id FROM sessions WHERE least(idle_expires_at, absolute_expires_at) < :now - interval '30 days'
               OR revoked_at < :now - interval '30 days' LIMIT :most FOR UPDATE SKIP LOCKED)
        """
    ),
    "mail_request": sa.text(
        """
        DELETE FROM mail_request WHERE id IN (
            SELECT id FROM mail_request WHERE expires_at < :now - interval '7 days' LIMIT :most FOR UPDATE SKIP LOCKED)
        """
    ),
    "throttle": sa.text(
        """
        DELETE FROM throttle WHERE bucket IN (
            SELECT bucket FROM throttle WHERE last_at < :now - interval '2 days' LIMIT :most FOR UPDATE SKIP LOCKED)
        """
    ),
    "revoked_token": sa.text(
        """
        DELETE FROM revoked_token WHERE jti IN (
            SELECT jti FROM revoked_token WHERE until < :now LIMIT :most FOR UPDATE SKIP LOCKED)
        """
    ),
}


class RetentionRepository:
    """Removal in one open transaction."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def purge(self, now: datetime) -> dict[str, int]:
        """Remove at most a batch of each table; return the rows removed by table."""
        return {
            table: self._connection.execute(statement, {"now": now, "most": _BATCH}).rowcount
            for table, statement in _STATEMENTS.items()
        }
