"""Request rate, errors and duration of a web process, by route template and never by path."""

from prometheus_client import CollectorRegistry, Gauge, Histogram

_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10)
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_OTHER_METHOD = "_OTHER"
_UNMATCHED, _OVERFLOW = "__unmatched__", "__overflow__"
# Each combination is a histogram of 17 series, and a pod may have 2,000. Real traffic stays far below; somebody who
# tries every refusal of every route on purpose does not.
_MOST_COMBINATIONS = 80


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
        active = Gauge(
            "http_server_active_requests",
            "Requests in progress.",
            ["http_request_method"],
            registry=registry,
            multiprocess_mode="livesum",
        )
        # The children at hand: asking the metric for one costs as much as counting.
        self._active = {method: active.labels(method) for method in (*_METHODS, _OTHER_METHOD)}
        self._seen: dict[tuple[str, str, int], Histogram] = {}

    def active(self, method: str) -> Gauge:
        """Return the gauge of requests in progress."""
        return self._active[_known(method)]

    def finished(self, method: str, route: str | None, status: int, seconds: float) -> None:
        """Record a finished request; `route` is the URL template, None when nothing matched."""
        method = _known(method)
        key = (method, route or _UNMATCHED, status)
        child = self._seen.get(key) or self._child(key)
        child.observe(seconds)

    def _child(self, key: tuple[str, str, int]) -> Histogram:
        """Return the series of a combination that is new here, the common ones of its status when there are too many.

        The status is kept, so that no error is lost from a ratio of the whole service.
        """
        method, route, status = key
        if len(self._seen) >= _MOST_COMBINATIONS:
            return self._duration.labels(_OTHER_METHOD, _OVERFLOW, str(status))
        child = self._seen[key] = self._duration.labels(method, route, str(status))
        return child


def _known(method: str) -> str:
    return method if method in _METHODS else _OTHER_METHOD
