"""Prometheus registries that are also right when several gunicorn workers share one metrics port."""

from importlib.metadata import version
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Gauge, ProcessCollector, disable_created_metrics, generate_latest
from prometheus_client import values as value_store
from prometheus_client.multiprocess import MultiProcessCollector

if TYPE_CHECKING:
    from waybill_common.settings import ServiceSettings


def process_registry(settings: "ServiceSettings", role: str) -> CollectorRegistry:
    """Return the registry of one process with `app_build_info`, and with `process_*` where one process answers.

    The workers of a web process share a port and add up; a collector that looks at one process has no place there.
    """
    disable_created_metrics()  # type: ignore[no-untyped-call] # they double the series, and no rule reads them
    registry = CollectorRegistry()
    build = Gauge(
        "app_build_info",
        "The build that is running.",
        ["service", "version", "revision"],
        registry=registry,
        multiprocess_mode="mostrecent",
    )
    build.labels(settings.service, version(f"waybill-{settings.service}"), settings.revision).set(1)
    if role != "web":
        ProcessCollector(registry=registry)
    return registry


def is_multiprocess() -> bool:
    """Tell whether prometheus_client keeps its values in files that all workers of this service share."""
    return bool(value_store.ValueClass.__name__ == "MmapedValue")


def render_metrics(registry: CollectorRegistry) -> bytes:
    """Return the text exposition: of this process, or of all workers when they share a metrics folder."""
    if not is_multiprocess():
        return generate_latest(registry)
    shared = CollectorRegistry()
    MultiProcessCollector(shared)  # type: ignore[no-untyped-call]
    return generate_latest(shared)
