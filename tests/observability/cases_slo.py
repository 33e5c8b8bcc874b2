"""What burns each objective's budget fast enough for each row of the table, and what does not quite."""

from collections.abc import Iterator

from tests.observability.promtool import Case
from tools.write_rules import BURNS, SLOS, Burn, Slo

_MINUTES = {"1h": 60, "6h": 360, "1d": 1440, "3d": 4320}
_HTTP = "http_server_request_duration_seconds"
_ROUTES = {
    "auth-availability": 'service="auth", http_route="/v1/login"',
    "auth-latency": 'service="auth", http_route="/.well-known/jwks.json"',
    "orders-availability": 'service="orders", http_route="/v1/orders/<order_id>", http_request_method="GET"',
    "orders-latency": 'service="orders", http_route="/v1/orders", http_request_method="POST"',
    "notification-freshness": 'service="notifier"',
}
_BOUNDS = {"auth-latency": "0.25", "orders-latency": "0.5", "notification-freshness": "60.0"}
_METRICS = {"notification-freshness": "notification_delivery_seconds"}


def traffic(slo: Slo, good: str, bad: str, total: str) -> dict[str, str]:
    """Series whose counters grow so: what kept the promise, what broke it, and both together."""
    labels, metric = _ROUTES[slo.name], _METRICS.get(slo.name, _HTTP)
    if slo.name not in _BOUNDS:
        ok, error = (f'{metric}_count{{{labels}, http_response_status_code="{status}"}}' for status in (200, 503))
        return {ok: good, error: bad}
    bucket = f'{metric}_bucket{{{labels}, le="{_BOUNDS[slo.name]}"}}'
    return {bucket: good, f"{metric}_count{{{labels}}}": total}


def growing(bad_share: float, minutes: int, a_minute: float = 1000) -> dict[str, str]:
    """Good, bad and total counters with this share of bad ones."""
    bad = a_minute * bad_share
    values = {"good": a_minute - bad, "bad": bad, "total": a_minute}
    return {name: f"0+{value:.6f}x{minutes}" for name, value in values.items()}


def _cases(slo: Slo, burn: Burn) -> Iterator[Case]:
    minutes = _MINUTES[burn.long]
    threshold = burn.factor * (1 - slo.objective)
    labels = {"window": burn.long, "service": slo.service, "slo": slo.name, "severity": burn.severity}
    summary = f"{slo.name} burns its error budget {burn.factor:g} times too fast."
    at = f"{minutes}m"
    others = [
        ({**labels, "window": other.long}, f"{slo.name} burns its error budget {other.factor:g} times too fast.")
        for other in BURNS
        if other.alert == burn.alert and other.factor < burn.factor
    ]
    yield Case(burn.alert, traffic(slo, **growing(threshold * 1.05, minutes)), at, [(labels, summary), *others])
    if (burn.alert == "ErrorBudgetBurnFast" and burn.factor == 6) or burn.factor == 1:
        yield Case(burn.alert, traffic(slo, **growing(threshold * 0.95, minutes)), at)
    yield Case(burn.alert, traffic(slo, **growing(0.9, minutes, a_minute=90 / minutes)), at)


CASES = [case for slo in SLOS for burn in BURNS for case in _cases(slo, burn)]
