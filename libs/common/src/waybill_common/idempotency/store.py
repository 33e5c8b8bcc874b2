"""Claims, answers and replays of idempotency keys on the connection of the effect's own transaction."""

import sqlalchemy as sa

from waybill_common.database import sqlstate
from waybill_common.idempotency.keys import Answer, KeyInProgressError, KeyRequest, KeyReusedError

_WAIT = sa.text("SET LOCAL lock_timeout = '1s'")
_WAIT_AS_BEFORE = sa.text("SELECT set_config('lock_timeout', :timeout, true)")
_CURRENT_WAIT = sa.text("SELECT current_setting('lock_timeout')")
_CLAIM = sa.text(
    "INSERT INTO idempotency (scope, key, fingerprint) VALUES (:scope, :key, :fingerprint) "
    "ON CONFLICT DO NOTHING RETURNING 1"
)
_READ = sa.text("SELECT fingerprint, status, location, etag, body FROM idempotency WHERE scope = :scope AND key = :key")
_FINISH = sa.text(
    "UPDATE idempotency SET status = :status, location = :location, etag = :etag, body = :body "
    "WHERE scope = :scope AND key = :key AND status IS NULL RETURNING 1"
)
_REMOVE_OLD = sa.text(
    "DELETE FROM idempotency WHERE (scope, key) IN (SELECT scope, key FROM idempotency "
    "WHERE created_at < now() - make_interval(days => :days) ORDER BY created_at LIMIT :most)"
)


class KeyStore:
    """The keys of one transaction.

    The row is inserted first: a twin blocks on it until this transaction ends, then reads the answer, or runs itself
    when this one rolled back. At most one execution, and no window.
    """

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def claim(self, request: KeyRequest) -> Answer | None:
        """Return None when the key is ours and the command shall run, else the remembered answer.

        Raises KeyReusedError for another request under the same key, KeyInProgressError when the first one has not
        ended within a second or waits for an outcome from elsewhere.
        """
        names = {"scope": request.scope, "key": request.key}
        timeout = self._connection.execute(_CURRENT_WAIT).scalar_one()
        self._connection.execute(_WAIT)
        try:
            ours = self._connection.execute(_CLAIM, {**names, "fingerprint": request.fingerprint}).scalar()
        except sa.exc.DBAPIError as error:
            if sqlstate(error) == "55P03":
                raise KeyInProgressError(request.key) from error
            raise
        self._connection.execute(_WAIT_AS_BEFORE, {"timeout": timeout})
        return None if ours else self.replay(request)

    def replay(self, request: KeyRequest) -> Answer | None:
        """Return the remembered answer, None for an unknown key; raises as `claim` does."""
        row = self._connection.execute(_READ, {"scope": request.scope, "key": request.key}).one_or_none()
        if row is None:
            return None
        if bytes(row.fingerprint) != request.fingerprint:
            raise KeyReusedError(request.key)
        if row.status is None:
            raise KeyInProgressError(request.key)
        return Answer(row.status, bytes(row.body), row.location, row.etag, replayed=True)

    def store(self, request: KeyRequest, answer: Answer) -> bool:
        """Remember the final answer; False when one was remembered before, which then stands."""
        values = {"status": answer.status, "location": answer.location, "etag": answer.etag, "body": answer.body}
        stored = self._connection.execute(_FINISH, {"scope": request.scope, "key": request.key, **values}).scalar()
        return stored is not None


def remove_old_keys(connection: sa.Connection, days: int, most: int = 1_000) -> int:
    """Remove at most `most` keys older than `days`, oldest first, and return how many went."""
    return connection.execute(_REMOVE_OLD, {"days": days, "most": most}).rowcount
