"""The `threads` executor: claims due lanes and runs their jobs, renewing the leases of what runs."""

import queue
import random
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import sqlalchemy as sa

from waybill_common.database import Listener, is_unavailable
from waybill_common.health import CutShortError, Tick
from waybill_common.jobs.metrics import JobMetrics
from waybill_common.jobs.queue import ensure_recurring
from waybill_common.jobs.runs import OLDEST_DUE, Again, Failed, JobRun, LeaseLostError, Outcome, claim, end, renew
from waybill_common.jobs.trace import run_context
from waybill_common.telemetry import fail_span, get_logger, use_context

Handler = Callable[[JobRun], Outcome]

_RETRY_SECONDS = 0.5
# The age of the oldest due job is looked up no oftener: not by each worker that a ring woke for another one's job.
_LOOK_SECONDS = 0.5

_log = get_logger(__name__)


@dataclass(frozen=True, kw_only=True)
class WorkerOptions:
    """Threads; seconds between two runs by recurring kind, of a lease, between two looks, of the grace at the end."""

    threads: int = 4
    recurring: Mapping[str, float] = field(default_factory=dict)
    lease_seconds: float = 60.0
    poll_seconds: float = 1.0
    grace_seconds: float = 390.0
    longest_retry_seconds: float = 300.0


class Worker:
    """Runs jobs until it is told to stop; any number of workers may share one database."""

    def __init__(
        self,
        engine: sa.Engine,
        listener: Listener,
        handlers: Mapping[str, Handler],
        metrics: JobMetrics,
        options: WorkerOptions | None = None,
    ) -> None:
        self._engine = engine
        self._listener = listener
        self._handlers = dict(handlers)
        self._metrics = metrics
        metrics.expect(self._handlers)
        self._options = options or WorkerOptions()
        self._recurring = dict(self._options.recurring)
        self._running: dict[str, JobRun] = {}
        self._claimed: queue.SimpleQueue[JobRun | None] = queue.SimpleQueue()
        self._free = threading.Semaphore(self._options.threads)
        self._lock = threading.Lock()
        self._next_look = 0.0
        self.tick = Tick(limit_seconds=60.0)

    def run(self, stop: threading.Event) -> None:
        """Claim and run until `stop` is set, then finish what runs; never raises for a job's fault.

        Raises CutShortError when the grace was not enough: then the process must end, for the leases of what still
        runs are renewed no longer, and the fencing token keeps it from writing once another worker has its lane.
        """
        finished = threading.Event()
        threading.Thread(target=self._renew_until, args=(finished,), name="leases", daemon=True).start()
        self._start_threads()
        try:
            while not stop.is_set():
                self.tick.touch()
                if not self._start_due():
                    self._listener.wait(self._options.poll_seconds * random.uniform(0.8, 1.2))  # noqa: S311 - jitter
        finally:
            try:
                self._drain()
            finally:
                finished.set()
                self._listener.close()

    def _start_threads(self) -> None:
        """Start the job threads; not those of an executor, which the interpreter joins at exit without an end."""
        for number in range(self._options.threads):
            threading.Thread(target=self._work_off, name=f"job-{number}", daemon=True).start()

    def _work_off(self) -> None:
        while (run := self._claimed.get()) is not None:
            self._run_one(run)

    def _start_due(self) -> bool:
        """Start what is due and return whether to look again at once."""
        slots = self._take_slots()
        if slots == 0:
            # All threads are busy: wait for one to come free, not for a bell.
            if self._free.acquire(timeout=self._options.poll_seconds):
                self._free.release()
            return True
        runs: list[JobRun] = []
        try:
            runs = self._claim(slots)
        finally:
            for _ in range(slots - len(runs)):
                self._free.release()
        for run in runs:
            with self._lock:
                self._running[run.token] = run
            self._claimed.put(run)
        return len(runs) == slots

    def _take_slots(self) -> int:
        slots = 0
        while slots < self._options.threads and self._free.acquire(blocking=False):
            slots += 1
        return slots

    def _claim(self, most: int) -> list[JobRun]:
        try:
            self._write_recurring()
            with self._engine.begin() as connection:
                runs = claim(connection, most, self._options.lease_seconds)
                if not runs and time.monotonic() >= self._next_look:
                    self._next_look = time.monotonic() + _LOOK_SECONDS
                    self._metrics.oldest_due.set(float(connection.execute(OLDEST_DUE).scalar_one()))
                return runs
        except sa.exc.SQLAlchemyError as error:
            _log.warning("claim_failed", error=str(error), unavailable=is_unavailable(error))
            return []

    def _write_recurring(self) -> None:
        """Make sure once that the recurring jobs are there, as part of a claim: an absent database is waited out."""
        if self._recurring:
            with self._engine.begin() as connection:
                for kind, seconds in sorted(self._recurring.items()):
                    ensure_recurring(connection, kind, seconds)
            self._recurring = {}

    def _run_one(self, run: JobRun) -> None:
        started = time.monotonic()
        try:
            made = run_context(run.trace, run.kind, run.attempt, run.created_at)
            with use_context(request_id=f"job-{run.job_id}", **made):
                outcome = self._outcome(run)
                self._end(run, outcome)
                self._metrics.observe(run.kind, type(outcome).__name__.lower(), time.monotonic() - started)
        except LeaseLostError as error:
            self._metrics.observe(run.kind, "lease_lost", time.monotonic() - started)
            _log.warning("lease_lost", kind=run.kind, error=str(error))
        except sa.exc.SQLAlchemyError as error:
            # The lease runs out and the job is claimed again: the row is the truth.
            _log.warning("job_end_not_written", kind=run.kind, job_id=run.job_id, error=str(error))
        except Exception:  # noqa: BLE001 - the thread must outlive any fault: what broke must be said here
            _log.exception("job_run_broke", kind=run.kind, job_id=run.job_id)
        finally:
            with self._lock:
                self._running.pop(run.token, None)
            self._free.release()

    def _outcome(self, run: JobRun) -> Outcome:
        handler = self._handlers.get(run.kind)
        if handler is None:
            return Again(60.0, f"this worker knows no job of kind {run.kind}; a newer one may")
        try:
            return handler(run)
        except LeaseLostError:
            raise
        except Exception as error:  # noqa: BLE001 - an unknown fault is retried with back-off, and is logged whole
            fail_span(error)
            if not isinstance(error, sa.exc.SQLAlchemyError) or not is_unavailable(error):
                _log.exception("job_failed", kind=run.kind, job_id=run.job_id, attempt=run.attempt)
            delay = min(2.0 ** min(run.attempt, 16), self._options.longest_retry_seconds)
            return Again(delay * random.uniform(0.8, 1.2), repr(error)[:1000])  # noqa: S311 - jitter

    def _end(self, run: JobRun, outcome: Outcome) -> None:
        if isinstance(outcome, Failed):
            fail_span("given_up")
            _log.error("job_given_up", kind=run.kind, job_id=run.job_id, error=outcome.error)
        deadline = time.monotonic() + self._options.lease_seconds
        while True:
            try:
                with self._engine.begin() as connection:
                    end(connection, run, outcome)
            except sa.exc.SQLAlchemyError as error:
                # A database that is back in a moment must not cost the lane the rest of its lease.
                if not is_unavailable(error) or time.monotonic() > deadline:
                    raise
                threading.Event().wait(_RETRY_SECONDS)
            else:
                return

    def _renew_until(self, finished: threading.Event) -> None:
        """Renew the leases of what runs, through the drain too, until the worker has finished."""
        while not finished.wait(self._options.lease_seconds / 3):
            with self._lock:
                runs = list(self._running.values())
            for run in runs:
                try:
                    with self._engine.begin() as connection:
                        renew(connection, run, self._options.lease_seconds)
                except sa.exc.SQLAlchemyError as error:
                    _log.warning("lease_not_renewed", job_id=run.job_id, error=str(error))

    def _drain(self) -> None:
        """Wait until every thread is free; raises CutShortError after the grace."""
        for _ in range(self._options.threads):
            self._claimed.put(None)
        deadline = time.monotonic() + self._options.grace_seconds
        for _ in range(self._options.threads):
            if not self._free.acquire(timeout=max(0.0, deadline - time.monotonic())):
                with self._lock:
                    left = ", ".join(f"{run.kind} {run.job_id}" for run in self._running.values())
                raise CutShortError(f"still running after {self._options.grace_seconds:g} s: {left}")
