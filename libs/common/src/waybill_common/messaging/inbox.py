"""One effect per message: the row that is written in the effect's own transaction."""

from __future__ import annotations

import sqlalchemy as sa

RETENTION_DAYS = 30  # longer than any outage, dead letter's age and replay together

_CLAIM = "INSERT INTO inbox (consumer, message_id) VALUES (%s, %s) ON CONFLICT DO NOTHING"
_PRUNE = sa.text(
    """
    DELETE FROM inbox WHERE ctid = ANY(ARRAY(
        SELECT ctid FROM inbox WHERE received_at < now() - make_interval(days => :days) LIMIT :limit
        FOR UPDATE SKIP LOCKED))
    """
)


class Inbox:
    """The inbox of one open transaction."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def claim(self, consumer: str, message_id: str) -> bool:
        """Take the message for `consumer`; False when its effect is committed already, so there is nothing to do.

        Waits for another transaction that holds the same message, at most the session's lock timeout.
        """
        # As the driver takes it: every message passes here, and has nothing to compile or to fetch.
        return self._connection.exec_driver_sql(_CLAIM, (consumer, message_id)).rowcount == 1


def prune_inbox(connection: sa.Connection, *, keep_days: int = RETENTION_DAYS, limit: int = 10_000) -> int:
    """Delete at most `limit` rows older than `keep_days` days; returns how many, so call again while it is `limit`."""
    return connection.execute(_PRUNE, {"days": keep_days, "limit": limit}).rowcount
