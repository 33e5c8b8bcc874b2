"""The background entries: the relay that publishes auth's events, and the worker that runs its jobs."""

import threading

from waybill_common.database import CHANNEL_JOBS, Listener
from waybill_common.health import AdminServer, HealthChecks
from waybill_common.jobs import JobMetrics, Worker, ensure_recurring
from waybill_common.messaging import make_relay

from waybill_auth.bootstrap import WorkerParts, build_worker
from waybill_auth.config import Settings
from waybill_auth.jobs.recurring import SCHEDULE, handlers


def run_relay(settings: Settings, stop: threading.Event) -> None:
    """Publish the outbox until `stop`."""
    relay, _ = make_relay(settings)
    relay.run(stop)


def run_worker(settings: Settings, stop: threading.Event, *, with_admin_port: bool = False) -> None:
    """Run the recurring jobs until `stop`; a process of its own also answers health checks on its admin port."""
    parts = build_worker(settings)
    try:
        with parts.engine.begin() as connection:
            for kind, seconds in sorted(SCHEDULE.items()):
                ensure_recurring(connection, kind, seconds)
        _work(settings, parts, stop, with_admin_port=with_admin_port)
    finally:
        parts.close()


def make_worker(settings: Settings, parts: WorkerParts) -> Worker:
    """Return the worker; nothing is connected yet."""
    listener = Listener(settings.database_url.get_secret_value(), [CHANNEL_JOBS], "auth-worker")
    return Worker(parts.engine, listener, handlers(parts.housekeeping), JobMetrics(parts.registry))


def _work(settings: Settings, parts: WorkerParts, stop: threading.Event, *, with_admin_port: bool) -> None:
    worker = make_worker(settings, parts)
    if not with_admin_port:
        worker.run(stop)
        return
    checks = HealthChecks(parts.registry, live={"worker": worker.tick.check})
    admin = AdminServer(checks, settings.web_host, settings.admin_port)
    admin.start()
    try:
        worker.run(stop)
    finally:
        admin.stop()
