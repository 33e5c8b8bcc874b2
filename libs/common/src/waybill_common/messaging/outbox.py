"""The relay's work session: who leads, which rows are taken, and what is put aside, in one PostgreSQL session."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple

from waybill_common.database import EngineOptions, StatementMetrics, connect_raw
from waybill_common.messaging.events import LoggedEvent

COUNT_CAP = 10_000

# A leader that is stopped (SIGSTOP, a frozen node) keeps its session, because its kernel answers the keepalives; the
# server ends the session then. The loop touches it every second, and a confirm is awaited for 20 s at most.
# A commit that is lost with the server only publishes again what was confirmed, so none waits for the disk.
# Planned once, by the primary keys: a stale estimate must not make it read the whole log or a bloated outbox.
_SESSION = """
    SET idle_session_timeout = '30s';
    SET idle_in_transaction_session_timeout = '30s';
    SET synchronous_commit = off;
    SET plan_cache_mode = force_generic_plan;
    SET enable_seqscan = off;
    SET enable_hashjoin = off;
    SET enable_mergejoin = off;
    PREPARE claim (integer) AS
    WITH taken AS (
        DELETE FROM outbox WHERE position = ANY(ARRAY(
            SELECT position FROM outbox ORDER BY position LIMIT $1 FOR UPDATE SKIP LOCKED))
        RETURNING position
    )
    SELECT taken.position, l.event_id::text, l.type, l.schema_version, l.subject, l.sequence,
           to_char(l.occurred_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
           extract(epoch FROM l.occurred_at)::bigint, l.data::text,
           l.correlation_id, l.causation_id, l.traceparent, l.tracestate
    FROM taken LEFT JOIN event_log l USING (position)
"""
_CLAIM = "EXECUTE claim (%s)"
_BURY = """
    WITH gone AS (DELETE FROM outbox WHERE position = %(position)s)
    INSERT INTO outbox_dead (position, error) VALUES (%(position)s, %(error)s)
    ON CONFLICT (position) DO UPDATE SET error = excluded.error, died_at = excluded.died_at
"""
_BACKLOG = """
    SELECT coalesce(
               (SELECT extract(epoch FROM clock_timestamp() - queued_at) FROM outbox ORDER BY position LIMIT 1), 0),
           (SELECT count(*) FROM (SELECT 1 FROM outbox LIMIT %(cap)s) AS head),
           (SELECT count(*) FROM (SELECT 1 FROM outbox_dead LIMIT %(cap)s) AS dead)
"""


class OutboxRow(NamedTuple):
    """A pointer taken from the outbox; `event` is None when the log has nothing at this position."""

    position: int
    event: LoggedEvent | None


@dataclass(frozen=True, slots=True)
class Backlog:
    """How far publishing is behind, and how much was set aside; both counted up to COUNT_CAP."""

    oldest_age_seconds: float
    depth: int
    dead: int


class OutboxSession:
    """One raw connection that holds the relay's lock and its row locks alike.

    A leader whose session ended can therefore neither hold rows nor commit: at worst it has published what the next
    leader publishes again. Every method raises psycopg2.Error when the session is gone.
    """

    def __init__(self, url: str, producer: str, metrics: StatementMetrics | None = None) -> None:
        options = EngineOptions(application_name=f"{producer}-relay", statement_timeout_ms=20_000)
        self._lock_id = int.from_bytes(
            hashlib.sha256(f"waybill.relay.{producer}".encode()).digest()[:8], "big", signed=True
        )
        self._connection = connect_raw(url, options, autocommit=False, metrics=metrics)
        self._run(_SESSION)

    def try_lead(self) -> bool:
        """Become the active relay, or learn that another is; the lock ends with the session."""
        return bool(self._run("SELECT pg_try_advisory_lock(%s)", (self._lock_id,))[0][0])

    @contextmanager
    def claiming(self) -> Iterator[None]:
        """What is claimed inside the block is gone after a clean exit, and back after an error."""
        with self._connection:
            yield

    def claim(self, limit: int) -> list[OutboxRow]:
        """Take the oldest `limit` pointers, inside `claiming`.

        The delete itself is the claim, so there is no state to sweep after a crash.
        """
        with self._connection.cursor() as cursor:
            cursor.execute(_CLAIM, (limit,))
            return [_row(values) for values in sorted(cursor.fetchall())]

    def bury_claimed(self, position: int, error: str) -> None:
        """Put a claimed row aside, inside `claiming`, so that it is settled with the rest of the batch."""
        with self._connection.cursor() as cursor:
            cursor.execute(_BURY, {"position": position, "error": error})

    def bury(self, position: int, error: str) -> None:
        """Move a row that is in the outbox to `outbox_dead`, in a transaction of its own."""
        with self._connection:
            self.bury_claimed(position, error)

    def backlog(self) -> Backlog:
        """Measure the backlog; this also keeps the session from idling out."""
        age, depth, dead = self._run(_BACKLOG, {"cap": COUNT_CAP})[0]
        return Backlog(float(age), int(depth), int(dead))

    def close(self) -> None:
        """End the session, and with it the lock and any open claim."""
        self._connection.close()

    def _run(self, statement: str, parameters: Sequence[Any] | dict[str, Any] = ()) -> list[tuple[Any, ...]]:
        with self._connection, self._connection.cursor() as cursor:
            cursor.execute(statement, parameters)
            return cursor.fetchall() if cursor.description else []


def _row(values: tuple[Any, ...]) -> OutboxRow:
    position, event_id, *rest = values
    return OutboxRow(position, None if event_id is None else LoggedEvent(event_id, *rest))
