"""SQLAlchemy's pool with its waits, its timeouts and its connections counted."""

import threading
from time import perf_counter
from typing import Any, Self

import sqlalchemy as sa

from waybill_common.database.metrics import DatabaseMetrics


class PoolGauges:
    """Where one pool, and those that follow it when its engine lets all connections go, show themselves."""

    def __init__(self, metrics: DatabaseMetrics, name: str) -> None:
        self.used = metrics.connections.labels(name, "used")
        self.idle = metrics.connections.labels(name, "idle")
        self.wait = metrics.wait.labels(name)
        self.timeouts = metrics.timeouts.labels(name)
        self.limit = metrics.limit.labels(name)
        self._lock = threading.Lock()
        self._current: MeasuredPool | None = None

    def follow(self, pool: "MeasuredPool") -> None:
        """Show this pool from now on."""
        self._current = pool
        self.show(pool)

    def show(self, pool: "MeasuredPool") -> None:
        """Bring the gauges up to date; a pool that was replaced has connections left to return, and no say."""
        # Read and written in one: of two threads the later must not write the earlier count.
        with self._lock:
            if pool is self._current:
                self.used.set(pool.checkedout())
                self.idle.set(pool.checkedin())


class MeasuredPool(sa.QueuePool):
    """A QueuePool that reports once `measure` was called."""

    _gauges: PoolGauges | None = None

    def measure(self, gauges: PoolGauges) -> None:
        """Report here."""
        self._gauges = gauges
        gauges.follow(self)

    def recreate(self) -> Self:
        """Return the pool that takes over, with the same gauges."""
        pool: Self = super().recreate()  # type: ignore[assignment]
        if self._gauges is not None:
            pool.measure(self._gauges)
        return pool

    def _do_get(self) -> Any:
        gauges = self._gauges
        if gauges is None:
            return super()._do_get()
        started = perf_counter()
        try:
            record = super()._do_get()
        except sa.exc.TimeoutError:
            gauges.timeouts.inc()
            raise
        finally:
            gauges.wait.observe(perf_counter() - started)
            gauges.show(self)
        return record

    def _do_return_conn(self, record: Any) -> None:
        super()._do_return_conn(record)
        if self._gauges is not None:
            self._gauges.show(self)
