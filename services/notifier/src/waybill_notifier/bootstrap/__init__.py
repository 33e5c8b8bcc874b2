"""Fits the notifier together: the only place that knows ports and adapters."""

from waybill_notifier.bootstrap.commands import lift_suppression
from waybill_notifier.bootstrap.consumer import ConsumerProcess, consumer_process
from waybill_notifier.bootstrap.web import WebDependencies, web_dependencies
from waybill_notifier.bootstrap.worker import WorkerProcess, worker_process

__all__ = [
    "ConsumerProcess",
    "WebDependencies",
    "WorkerProcess",
    "consumer_process",
    "lift_suppression",
    "web_dependencies",
    "worker_process",
]
