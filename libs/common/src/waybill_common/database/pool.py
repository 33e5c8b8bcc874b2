"""SQLAlchemy's pool with its waits, its timeouts and its connections counted."""

import os
import threading
import weakref
from time import perf_counter
from typing import Any, Protocol, Self

import sqlalchemy as sa

from waybill_common.database.metrics import DatabaseMetrics


class Pool(Protocol):
    """What can show how many connections it has."""

    def checkedout(self) -> int:
        """Return how many connections are in use."""

    def checkedin(self) -> int:
        """Return how many connections lie idle."""


class PoolGauges:
    """Where one pool, and those that follow it when its engine lets all connections go, show themselves."""

    def __init__(self, metrics: DatabaseMetrics, name: str) -> None:
        self.wait = metrics.wait.labels(name)
        self.timeouts = metrics.timeouts.labels(name)
        self.limit = metrics.limit.labels(name)
        self._used = metrics.connections.labels(name, "used")
        self._idle = metrics.connections.labels(name, "idle")
        self._current: Pool | None = None

    def follow(self, pool: Pool) -> None:
        """Show this pool from now on, once a second; one that was replaced has no say."""
        self._current = pool
        self.show()
        _watch(self)

    def show(self) -> None:
        """Bring the gauges up to date."""
        if self._current is not None:
            self._used.set(self._current.checkedout())
            self._idle.set(self._current.checkedin())


_EVERY_SECONDS = 1.0
_watched: "weakref.WeakSet[PoolGauges]" = weakref.WeakSet()
_watcher: list[tuple[int, threading.Thread]] = []
_starting = threading.Lock()


def _watch(gauges: PoolGauges) -> None:
    """Show these gauges every second while their pool lives.

    From one thread of the process: at each checkout and return it was a twentieth of a small read, and nobody scrapes
    that often. The thread is started by whoever measures first, again in a child that was forked.
    """
    with _starting:
        _watched.add(gauges)
        if not _watcher or _watcher[-1][0] != os.getpid():
            thread = threading.Thread(target=_show_all, name="pool-gauges", daemon=True)
            _watcher[:] = [(os.getpid(), thread)]
            thread.start()


def _show_all() -> None:
    never = threading.Event()
    while not never.wait(_EVERY_SECONDS):
        with _starting:
            watched = list(_watched)
        for gauges in watched:
            gauges.show()


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
        return record
