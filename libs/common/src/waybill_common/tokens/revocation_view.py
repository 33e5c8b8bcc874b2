"""Reading revocations in a web process: the table in memory, reread every second by a thread of its own."""

import os
import threading
import time
from dataclasses import dataclass, field

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError

from waybill_common.telemetry import get_logger

_log = get_logger(__name__)

REREAD_SECONDS = 1.0
# One statement: the feed's age in the first row, so that an empty table has an answer too.
_READ = sa.text("""
    SELECT NULL AS kind, NULL AS id, NULL::bigint AS not_before,
           (SELECT extract(epoch FROM now() - seen_at) FROM feed_state)::float8 AS feed_age
    UNION ALL
    SELECT kind, id, not_before, NULL FROM revocation
""")


@dataclass(frozen=True, slots=True)
class _Snapshot:
    """The table at one moment; `read_at` is on the monotonic clock, `feed_age` what it was then."""

    sessions: frozenset[str] = frozenset()
    not_before: dict[str, int] = field(default_factory=dict)
    feed_age: float | None = None
    read_at: float = 0.0


class RevocationView:
    """What has been revoked, as of at most a second ago; thread-safe.

    The thread begins with the first question, so after the fork, and again in a child that was forked later. While
    the database is away the last reading stays in force and the feed's age grows: a stale feed never stops a
    service, it only makes risky writes ask the issuer.
    """

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        self._snapshot = _Snapshot()
        self._starting = threading.Lock()
        self._pid: int | None = None
        self._stop = threading.Event()

    def is_revoked(self, session_id: str | None, subject: str, issued_at: int) -> bool:
        """Tell whether a token of this session and subject, issued at this epoch second, is no longer good."""
        self._ensure_running()
        snapshot = self._snapshot
        if session_id is not None and session_id in snapshot.sessions:
            return True
        not_before = snapshot.not_before.get(subject)
        return not_before is not None and issued_at < not_before

    def feed_age_seconds(self) -> float | None:
        """Return how long ago the consumer last saw the feed alive; None when it never did, or was never read."""
        self._ensure_running()
        snapshot = self._snapshot
        if snapshot.feed_age is None:
            return None
        return snapshot.feed_age + time.monotonic() - snapshot.read_at

    def close(self) -> None:
        """Stop rereading."""
        self._stop.set()

    def _ensure_running(self) -> None:
        if self._pid == os.getpid():
            return
        with self._starting:
            if self._pid == os.getpid():
                return
            # The first reading is waited for: a process that has just started must not let a revoked token through.
            self._read()
            threading.Thread(target=self._reread, name="revocations", daemon=True).start()
            self._pid = os.getpid()

    def _reread(self) -> None:
        while not self._stop.wait(REREAD_SECONDS):
            self._read()

    def _read(self) -> None:
        try:
            with self._engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                rows = connection.execute(_READ).all()
        except SQLAlchemyError as error:
            _log.warning("revocations_not_read", error=type(error).__name__)
            return
        age = next(row.feed_age for row in rows if row.kind is None)
        self._snapshot = _Snapshot(
            sessions=frozenset(row.id for row in rows if row.kind == "sid"),
            not_before={row.id: row.not_before for row in rows if row.kind == "sub"},
            feed_age=age,
            read_at=time.monotonic(),
        )
