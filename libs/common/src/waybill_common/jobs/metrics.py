"""What a worker counts."""

from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram


class JobMetrics:
    """Runs by kind and outcome, their duration, and the age of the oldest lane that is due and not claimed."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._runs = Counter("jobs_runs_total", "Runs of jobs.", ["kind", "outcome"], registry=registry)
        self._seconds = Histogram("jobs_run_duration_seconds", "Duration of a run.", ["kind"], registry=registry)
        self.oldest_due = Gauge("jobs_oldest_due_age_seconds", "Age of the oldest due lane.", registry=registry)

    def expect(self, kinds: Iterable[str]) -> None:
        """Let the counters of these kinds begin at zero, so that a rate sees the first run."""
        for kind in kinds:
            self._seconds.labels(kind)
            for outcome in ("done", "again", "failed", "lease_lost"):
                self._runs.labels(kind, outcome)

    def observe(self, kind: str, outcome: str, seconds: float) -> None:
        """Count one run."""
        self._runs.labels(kind, outcome).inc()
        self._seconds.labels(kind).observe(seconds)
