"""What is measured about the database, by the names of OpenTelemetry's database client conventions.

Those of the connection pool are not stable there yet, so all stand here. The doorbell's and the listener's own
connections are left out: they carry wake-ups, and count nobody's work.
"""

from functools import lru_cache
from time import perf_counter
from typing import Any

import psycopg2
import psycopg2.extensions
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from waybill_common.database.spans import failure_code, record_statement
from waybill_common.telemetry import current_span

_SECONDS = (0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10)
_OTHER = "_OTHER"
_OPERATIONS = ("SELECT", "INSERT", "UPDATE", "DELETE", "WITH", "EXECUTE", "COMMIT", "ROLLBACK", _OTHER)


class StatementMetrics:
    """How long statements take, by their first word."""

    def __init__(self, registry: CollectorRegistry) -> None:
        duration = Histogram(
            "db_client_operation_duration_seconds",
            "Duration of a statement, by its first word; COMMIT and ROLLBACK of a transaction too.",
            ["db_system_name", "db_operation_name"],
            buckets=_SECONDS,
            registry=registry,
        )
        # The children at hand: asking the histogram for one costs as much as observing.
        self._duration = {operation: duration.labels("postgresql", operation) for operation in _OPERATIONS}
        self._other = self._duration[_OTHER]

    def connect_args(self) -> dict[str, Any]:
        """Return what psycopg2 is told at connect, so that each statement is measured, Core's and a raw cursor's."""
        return {"connection_factory": _measured_connection(self), "cursor_factory": _measured_cursor(self)}

    def observe(self, statement: object, seconds: float) -> None:
        """Record one statement that was sent and answered, or failed."""
        self._duration.get(_first_word(statement), self._other).observe(seconds)

    def ended(self, connection: Any, statement: object, seconds: float, failed: str) -> None:
        """Record it, and a span where the request in hand is traced; `failed` is how, empty when it was answered."""
        self.observe(statement, seconds)
        if current_span() is not None:
            record_statement(connection, statement, seconds, failed)


@lru_cache(maxsize=512)
def _first_word(statement: object) -> str:
    words = statement.split(None, 1) if isinstance(statement, str) else None
    return words[0].upper() if words else _OTHER


class DatabaseMetrics(StatementMetrics):
    """Statements, and the pools that the engines of a process take their connections from; one per registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        super().__init__(registry)
        self.connections = Gauge(
            "db_client_connection_count",
            "Connections of a pool that are idle or in use.",
            ["pool_name", "state"],
            registry=registry,
            multiprocess_mode="livesum",
        )
        self.limit = Gauge(
            "db_client_connection_max",
            "Connections that a pool may open.",
            ["pool_name"],
            registry=registry,
            multiprocess_mode="livesum",
        )
        self.wait = Histogram(
            "db_client_connection_wait_time_seconds",
            "Time to get a connection from the pool, opening one included.",
            ["pool_name"],
            buckets=_SECONDS,
            registry=registry,
        )
        self.timeouts = Counter(
            "db_client_connection_timeouts",
            "Waits that ended without a connection.",
            ["pool_name"],
            registry=registry,
        )


def _measured_cursor(metrics: StatementMetrics) -> type[psycopg2.extensions.cursor]:
    execute, executemany = psycopg2.extensions.cursor.execute, psycopg2.extensions.cursor.executemany

    class MeasuredCursor(psycopg2.extensions.cursor):
        """Measures what it sends."""

        def execute(self, query: Any, values: Any = None) -> None:
            started, failed = perf_counter(), ""
            try:
                execute(self, query, values)
            except psycopg2.Error as error:
                failed = failure_code(error)
                raise
            finally:
                metrics.ended(self.connection, query, perf_counter() - started, failed)

        def executemany(self, query: Any, values: Any) -> None:
            started, failed = perf_counter(), ""
            try:
                executemany(self, query, values)
            except psycopg2.Error as error:
                failed = failure_code(error)
                raise
            finally:
                metrics.ended(self.connection, query, perf_counter() - started, failed)

    return MeasuredCursor


def _measured_connection(metrics: StatementMetrics) -> type[psycopg2.extensions.connection]:
    class MeasuredConnection(psycopg2.extensions.connection):
        """Measures the ends of its transactions; where none is open nothing is sent and nothing is measured."""

        def commit(self) -> None:
            self._end("COMMIT", super().commit)

        def rollback(self) -> None:
            self._end("ROLLBACK", super().rollback)

        def _end(self, word: str, end: Any) -> None:
            if self.status == psycopg2.extensions.STATUS_READY:
                end()
                return
            started, failed = perf_counter(), ""
            try:
                end()
            except psycopg2.Error as error:
                failed = failure_code(error)
                raise
            finally:
                metrics.ended(self, word, perf_counter() - started, failed)

    return MeasuredConnection
