"""Request rate, errors and duration of a web process, by route template and never by path."""

from prometheus_client import CollectorRegistry, Gauge, Histogram

_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10)
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class HttpServerMetrics:
    """The HTTP server metrics of OpenTelemetry's semantic conventions, in Prometheus form."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._duration = Histogram(
            "http_server_request_duration_seconds",
            "Duration of requests.",
            ["http_request_method", "http_route", "http_response_status_code"],
            buckets=_BUCKETS,
            registry=registry,
        )
        self._active = Gauge(
            "http_server_active_requests",
            "Requests in progress.",
            ["http_request_method"],
            registry=registry,
            multiprocess_mode="livesum",
        )

    def started(self, method: str) -> None:
        """Count a request in progress."""
        self._active.labels(_known(method)).inc()

    def finished(self, method: str, route: str | None, status: int, seconds: float) -> None:
        """Record a finished request; `route` is the URL template, None when nothing matched."""
        self._active.labels(_known(method)).dec()
        self._duration.labels(_known(method), route or "__unmatched__", str(status)).observe(seconds)


def _known(method: str) -> str:
    return method if method in _METHODS else "_OTHER"
