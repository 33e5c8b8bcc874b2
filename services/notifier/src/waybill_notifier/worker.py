"""The loops beside the web: consumer and worker, as processes or as threads of the standalone runner."""

import threading

from waybill_common.health import begin_process, run_process

from waybill_notifier.bootstrap import consumer_process, worker_process
from waybill_notifier.config import Settings


def run_consumer(settings: Settings, stop: threading.Event) -> None:
    """Consume events until `stop`."""
    consumer_process(settings).run(stop)


def run_worker(settings: Settings, stop: threading.Event) -> None:
    """Deliver mails until `stop`, then finish what runs."""
    worker_process(settings).run(stop)


def serve_consumer(settings: Settings) -> None:
    """Be the consumer process until SIGTERM; call it in the main thread."""
    stop = begin_process(settings, "consumer")
    process = consumer_process(settings)
    run_process(settings, process.checks, lambda: process.run(stop))


def serve_worker(settings: Settings) -> None:
    """Be the worker process until SIGTERM; call it in the main thread."""
    stop = begin_process(settings, "worker")
    process = worker_process(settings)
    run_process(settings, process.checks, lambda: process.run(stop))
