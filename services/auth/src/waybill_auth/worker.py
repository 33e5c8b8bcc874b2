"""The background entries: the relay that publishes auth's events, and the worker that runs its jobs."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import CollectorRegistry
from waybill_common.database import CHANNEL_JOBS, Listener
from waybill_common.health import HealthChecks, begin_process, run_process
from waybill_common.jobs import JobMetrics, Worker, WorkerOptions
from waybill_common.messaging import make_relay

from waybill_auth.bootstrap import WorkerParts, build_worker
from waybill_auth.config import Settings
from waybill_auth.jobs.recurring import SCHEDULE, handlers


def run_relay(settings: Settings, stop: threading.Event) -> None:
    """Publish the outbox until `stop`."""
    relay, _ = make_relay(settings)
    relay.run(stop)


def run_worker(settings: Settings, stop: threading.Event) -> None:
    """Run the recurring jobs until `stop`, then finish what runs."""
    with _worker(settings) as (worker, _):
        worker.run(stop)


def serve_worker(settings: Settings) -> None:
    """Be the worker process until SIGTERM; call it in the main thread."""
    stop = begin_process(settings, "worker")
    with _worker(settings) as (worker, registry):
        checks = HealthChecks(registry, live={"worker": worker.tick.check})
        run_process(settings, checks, lambda: worker.run(stop))


def make_worker(settings: Settings, parts: WorkerParts) -> Worker:
    """Return the worker; nothing is connected yet."""
    listener = Listener(settings.database_url.get_secret_value(), [CHANNEL_JOBS], "auth-worker")
    options = WorkerOptions(recurring=SCHEDULE, grace_seconds=settings.worker_grace_seconds)
    return Worker(parts.engine, listener, handlers(parts.housekeeping), JobMetrics(parts.registry), options)


@contextmanager
def _worker(settings: Settings) -> Iterator[tuple[Worker, CollectorRegistry]]:
    parts = build_worker(settings)
    try:
        yield make_worker(settings, parts), parts.registry
    finally:
        parts.close()
