"""The loops beside the web: consumer and worker, as processes or as threads of the standalone runner."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from waybill_common.health import AdminServer, HealthChecks, stop_on_signals
from waybill_common.telemetry import arm_fault_points, configure_logging, get_logger

from waybill_notifier.bootstrap import consumer_process, worker_process
from waybill_notifier.config import Settings

_log = get_logger(__name__)


def run_consumer(settings: Settings, stop: threading.Event) -> None:
    """Consume events until `stop`."""
    consumer_process(settings).run(stop)


def run_worker(settings: Settings, stop: threading.Event) -> None:
    """Deliver mails until `stop`, then finish what runs."""
    worker_process(settings).run(stop)


def serve_consumer(settings: Settings) -> None:
    """Be the consumer process until SIGTERM; call it in the main thread."""
    stop = _begin(settings)
    process = consumer_process(settings)
    with _admin(settings, process.checks):
        process.run(stop)


def serve_worker(settings: Settings) -> None:
    """Be the worker process until SIGTERM; call it in the main thread."""
    stop = _begin(settings)
    process = worker_process(settings)
    with _admin(settings, process.checks):
        process.run(stop)


def _begin(settings: Settings) -> threading.Event:
    configure_logging(settings.service, settings.log_level, level_file=settings.log_level_file)
    arm_fault_points(settings.fault_hooks)
    return stop_on_signals()


@contextmanager
def _admin(settings: Settings, checks: HealthChecks) -> Iterator[None]:
    server = AdminServer(checks, settings.web_host, settings.admin_port)
    server.start()
    _log.info("admin_port", port=server.port)
    try:
        yield
    finally:
        server.stop()
