"""Prometheus registries that are also right when several gunicorn workers share one metrics port."""

from prometheus_client import CollectorRegistry, Gauge, generate_latest
from prometheus_client import values as value_store
from prometheus_client.multiprocess import MultiProcessCollector


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


def build_info(registry: CollectorRegistry, service: str, version: str, revision: str) -> None:
    """Declare `app_build_info` = 1 with the labels that tell which build answers."""
    gauge = Gauge(
        "app_build_info",
        "The build that is running.",
        ["service", "version", "revision"],
        registry=registry,
        multiprocess_mode="mostrecent",
    )
    gauge.labels(service, version, revision).set(1)
