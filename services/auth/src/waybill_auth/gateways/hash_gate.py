"""Hash slots: a few slow hashes at a time, in threads of low priority, with a short bounded queue in front."""

import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeVar

from waybill_auth.domain.errors import HashBusyError

T = TypeVar("T")

_NICENESS = 10
_CPU_QUOTA = Path("/sys/fs/cgroup/cpu.max")


class GateMetrics(Protocol):
    """What the gate reports."""

    def hash_waited(self, seconds: float) -> None:
        """A hash got its slot after so long."""

    def hash_refused(self) -> None:
        """No slot came free, or too many were waiting."""

    def hash_inflight(self, change: int) -> None:
        """A hash began (+1) or ended (-1)."""


@dataclass(frozen=True)
class GateOptions:
    """Slots of this process, how many callers may wait for one, and how long, in seconds."""

    slots: int
    max_waiting: int
    wait_seconds: float = 0.5


class HashGate:
    """Runs work in one of its slots.

    Waiting requests occupy web threads, so both the wait and the number of waiters are bounded: an overload answers
    503 at once and the other routes go on. The slots' threads are started at the first use, so after the fork.
    """

    def __init__(self, options: GateOptions, metrics: GateMetrics, monotonic: Callable[[], float]) -> None:
        self._options = options
        self._metrics = metrics
        self._monotonic = monotonic
        self._slots = threading.Semaphore(options.slots)
        self._waiting = 0
        self._lock = threading.Lock()
        self._pool: ThreadPoolExecutor | None = None

    def run(self, work: Callable[[], T]) -> T:
        """Return what the work returns; raises HashBusyError when no slot comes free in time."""
        started = self._monotonic()
        if not self._take_slot():
            self._metrics.hash_refused()
            raise HashBusyError("all hash slots are taken")
        self._metrics.hash_waited(self._monotonic() - started)
        self._metrics.hash_inflight(1)
        try:
            return self._threads().submit(work).result()
        finally:
            self._metrics.hash_inflight(-1)
            self._slots.release()

    def close(self) -> None:
        """End the slots' threads."""
        if self._pool is not None:
            self._pool.shutdown()

    def _take_slot(self) -> bool:
        if self._slots.acquire(blocking=False):
            return True
        with self._lock:
            if self._waiting >= self._options.max_waiting:
                return False
            self._waiting += 1
        try:
            return self._slots.acquire(timeout=self._options.wait_seconds)
        finally:
            with self._lock:
                self._waiting -= 1

    def _threads(self) -> ThreadPoolExecutor:
        with self._lock:
            if self._pool is None:
                self._pool = ThreadPoolExecutor(self._options.slots, "hash", initializer=_lower_priority)
            return self._pool


def usable_cpus() -> int:
    """Return the CPUs this process may use at once: its affinity, and its quota rounded down, but at least 1."""
    affinity = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        quota, period = _CPU_QUOTA.read_text(encoding="ascii").split()
    except (OSError, ValueError):
        return affinity
    return affinity if quota == "max" else max(1, min(affinity, int(quota) // int(period)))


def _lower_priority() -> None:
    """Give this thread alone a lower priority; on Linux a niceness belongs to the thread."""
    thread_id = threading.get_native_id()
    current = os.getpriority(os.PRIO_PROCESS, thread_id)
    if current < _NICENESS:  # raising it back would need a privilege
        os.setpriority(os.PRIO_PROCESS, thread_id, _NICENESS)
