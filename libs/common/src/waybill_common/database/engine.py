"""Engines and raw connections whose every wait has an end."""

import select
from dataclasses import dataclass
from typing import Any

import psycopg2
import psycopg2.extensions
import sqlalchemy as sa

from waybill_common.database.metrics import DatabaseMetrics, StatementMetrics
from waybill_common.database.pool import MeasuredPool, PoolGauges

# A peer that vanished without a word is noticed within about half a minute, not after two hours.
_KEEPALIVES = {
    "keepalives": 1,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
}


@dataclass(frozen=True, kw_only=True)
class EngineOptions:
    """Bounds of an engine: milliseconds on the server, seconds in the pool."""

    application_name: str
    pool_size: int = 8
    max_overflow: int = 0
    pool_timeout_seconds: float = 2.0
    connect_timeout_seconds: int = 5
    statement_timeout_ms: int = 5_000
    lock_timeout_ms: int = 2_000

    def connect_args(self) -> dict[str, Any]:
        """Return what libpq is told at connect: name, timeouts, keepalives."""
        timeouts = (
            f"-c statement_timeout={self.statement_timeout_ms} -c lock_timeout={self.lock_timeout_ms} "
            f"-c idle_in_transaction_session_timeout=60000"
        )
        return {
            "application_name": self.application_name,
            "connect_timeout": self.connect_timeout_seconds,
            "options": timeouts,
            **_KEEPALIVES,
        }


def libpq_url(url: str) -> str:
    """Return the URL as libpq reads it: SQLAlchemy's driver suffix removed."""
    return url.replace("postgresql+psycopg2://", "postgresql://", 1)


def make_engine(url: str, options: EngineOptions, metrics: DatabaseMetrics | None = None) -> sa.Engine:
    """Return an engine for `postgresql://…`, read committed; make it after the fork.

    `metrics` show its pool under the application's name. A pooled connection that the server has closed is replaced
    before use, so that a restart costs no request an error.
    """
    driver_url = libpq_url(url).replace("postgresql://", "postgresql+psycopg2://", 1)
    engine = sa.create_engine(
        driver_url,
        poolclass=MeasuredPool,
        pool_size=options.pool_size,
        max_overflow=options.max_overflow,
        pool_timeout=options.pool_timeout_seconds,
        pool_recycle=1_800,
        pool_use_lifo=True,
        hide_parameters=True,  # an error text ends in a log, and parameters hold addresses and hashes
        connect_args=options.connect_args() | (metrics.connect_args() if metrics is not None else {}),
    )
    if metrics is not None and isinstance(engine.pool, MeasuredPool):
        gauges = PoolGauges(metrics, options.application_name)
        gauges.limit.set(options.pool_size + options.max_overflow)
        engine.pool.measure(gauges)
    sa.event.listen(engine, "checkout", _refuse_closed)
    return engine


def _refuse_closed(connection: Any, _record: Any, _proxy: Any) -> None:
    """Refuse a pooled connection whose idle socket has something to read: the server's farewell.

    Two microseconds, where `pool_pre_ping` is a round trip on each checkout.
    """
    idle = select.poll()
    idle.register(connection.fileno(), select.POLLIN | select.POLLHUP | select.POLLERR)
    if idle.poll(0):
        raise sa.exc.DisconnectionError("the server closed this pooled connection")


def connect_raw(
    url: str, options: EngineOptions, *, autocommit: bool = True, metrics: StatementMetrics | None = None
) -> psycopg2.extensions.connection:
    """Open one psycopg2 connection outside of any pool, for a listener, a doorbell or a relay's work session.

    Raises psycopg2.OperationalError when the server cannot be reached within the connect timeout.
    """
    measured = metrics.connect_args() if metrics is not None else {}
    connection: psycopg2.extensions.connection = psycopg2.connect(libpq_url(url), **options.connect_args(), **measured)
    connection.autocommit = autocommit
    return connection
