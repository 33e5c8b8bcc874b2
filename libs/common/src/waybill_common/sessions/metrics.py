"""What is measured about outgoing calls, by the names of OpenTelemetry's HTTP client conventions."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from waybill_common.sessions.breaker import BreakerState

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10)


class ConnectorMetrics:
    """The series of all connectors of a process; make one per registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._duration = Histogram(
            "http_client_request_duration_seconds",
            "Time of one attempt of an outgoing call, until the whole answer was read.",
            ["server_address", "http_request_method", "http_response_status_code", "error_type"],
            buckets=_SECONDS,
            registry=registry,
        )
        self._breaker_state = Gauge(
            "http_client_circuit_breaker_state",
            "State of a peer's circuit breaker: 0 closed, 1 half-open, 2 open; of several workers the worst.",
            ["server_address"],
            registry=registry,
            multiprocess_mode="livemax",
        )
        self._retries = Counter(
            "http_client_retries_total",
            "Retries that were wanted, by whether the budget granted them.",
            ["server_address", "outcome"],
            registry=registry,
        )

    def opened(self, peer: str) -> None:
        """Let the counters of a peer begin at zero, so that a rate sees its first retry."""
        for outcome in ("granted", "denied"):
            self._retries.labels(peer, outcome)

    def observe(self, peer: str, method: str, outcome: tuple[int | None, str], seconds: float) -> None:
        """Count one attempt; `outcome` is the status, None without an answer, and the error word, empty without one."""
        status, error_type = outcome
        self._duration.labels(peer, method, "" if status is None else str(status), error_type).observe(seconds)

    def breaker_changed(self, peer: str, state: BreakerState) -> None:
        """Show a breaker's new state."""
        self._breaker_state.labels(peer).set(int(state))

    def retry_wanted(self, peer: str, *, is_granted: bool) -> None:
        """Count one retry that was granted or denied by the budget."""
        self._retries.labels(peer, "granted" if is_granted else "denied").inc()
