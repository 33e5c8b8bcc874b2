"""A pool of raw connections in autocommit, for statements that are transactions of their own.

SQLAlchemy's pool hands out a proxy, asks its listeners and looks whether anything is left open: worth it for a
transaction, and a tenth of a small read. Here a connection is taken from a queue and put back.
"""

from collections.abc import Iterator, Sequence
from queue import Empty, LifoQueue
from time import perf_counter

import psycopg2.extensions
import sqlalchemy as sa

from waybill_common.database.engine import EngineOptions, connect_raw
from waybill_common.database.metrics import DatabaseMetrics
from waybill_common.database.pool import PoolGauges


class DirectPool:
    """As many slots as connections may be open, each empty until it is first needed; make it after the fork.

    Who takes a connection must be ready to find it closed by the server, send the statement again on another one, and
    so say that all that lie idle went with it. `metrics` show the pool under the application's name.

    `prepare` are PREPARE statements that every connection is opened with: planning a small read of several tables
    takes the server three times as long as running it.
    """

    def __init__(
        self, url: str, options: EngineOptions, metrics: DatabaseMetrics | None = None, *, prepare: Sequence[str] = ()
    ) -> None:
        self._url = url
        self._options = options
        self._metrics = metrics
        self._prepare = prepare
        self._slots: LifoQueue[psycopg2.extensions.connection | None] = LifoQueue()
        for _ in range(options.pool_size):
            self._slots.put(None)
        self._gauges = None if metrics is None else PoolGauges(metrics, options.application_name)
        if self._gauges is not None:
            self._gauges.limit.set(options.pool_size)
            self._gauges.follow(self)

    def take(self) -> psycopg2.extensions.connection:
        """Return a connection that nobody else has; raises sqlalchemy.exc.TimeoutError when none comes free in time.

        Raises psycopg2.OperationalError when one must be opened and the server cannot be reached, another
        psycopg2.Error when it refuses what is to be prepared.
        """
        started = perf_counter()
        try:
            held = self._slots.get(timeout=self._options.pool_timeout_seconds)
            return held if held is not None else self._open()
        except Empty:
            if self._gauges is not None:
                self._gauges.timeouts.inc()
            seconds = self._options.pool_timeout_seconds
            raise sa.exc.TimeoutError(
                f"all {self._options.pool_size} connections were in use for {seconds} s"
            ) from None
        finally:
            if self._gauges is not None:
                self._gauges.wait.observe(perf_counter() - started)

    def put_back(self, connection: psycopg2.extensions.connection) -> None:
        """Let the next one have this connection; a closed one leaves its slot empty."""
        self._slots.put(None if connection.closed else connection)

    def close_idle(self) -> None:
        """Close what nobody uses: at the end, and when the server has closed one of them."""
        for connection in list(self._drain()):
            if connection is not None:
                connection.close()
            self._slots.put(None)

    def checkedout(self) -> int:
        """Return how many connections are in use."""
        return self._options.pool_size - self._slots.qsize()

    def checkedin(self) -> int:
        """Return how many connections lie idle."""
        return sum(connection is not None for connection in list(self._slots.queue))

    def _open(self) -> psycopg2.extensions.connection:
        try:
            return self._connect()
        except BaseException:
            self._slots.put(None)
            raise

    def _connect(self) -> psycopg2.extensions.connection:
        connection = connect_raw(self._url, self._options, metrics=self._metrics)
        try:
            with connection.cursor() as cursor:
                for statement in self._prepare:
                    cursor.execute(statement)
        except BaseException:
            connection.close()
            raise
        return connection

    def _drain(self) -> Iterator[psycopg2.extensions.connection | None]:
        try:
            while True:
                yield self._slots.get_nowait()
        except Empty:
            return
