"""Tracing switched on for a test, with a collector that shows what was sent."""

from collections.abc import Callable, Iterator

import pytest
from waybill_common.settings import ServiceSettings
from waybill_common.telemetry import start_tracing, stop_tracing
from waybill_testkit.collector import Collector, SeenSpan

SAMPLED = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
UNSAMPLED = "00-5bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00"


def settings(endpoint: str, sampling: float = 1.0) -> ServiceSettings:
    class Settings(ServiceSettings):
        service = "orders"

    return Settings(database_url="postgresql://u@h/d", traces_endpoint=endpoint, traces_sampling=sampling)


@pytest.fixture
def collector() -> Iterator[Collector]:
    with Collector() as collector:
        yield collector


@pytest.fixture
def trace(collector: Collector) -> Iterator[Callable[..., None]]:
    """`trace(sampling=…)` switches tracing on until the end of the test."""
    yield lambda sampling=1.0: start_tracing(settings(collector.url, sampling), "web")
    stop_tracing()


@pytest.fixture
def sent(collector: Collector, trace: Callable[..., None]) -> Callable[..., list[SeenSpan]]:
    """`sent()` ends tracing, so that everything is sent, and returns the spans; ask once."""

    def end(name: str = "") -> list[SeenSpan]:
        stop_tracing()
        return collector.spans(name)

    return end
