"""Writes charts/platform/files/rules/slo.yaml: recordings and burn-rate alerts of every service level objective."""

import argparse
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

FILE = Path(__file__).resolve().parents[1] / "charts/platform/files/rules/slo.yaml"
WINDOWS = ("5m", "30m", "1h", "2h", "6h", "1d", "3d")
# Below this many requests in the long window one failure would be an emergency.
MINIMUM_REQUESTS = 100

_HEADER = """\
# Written by `make rules` from tools/write_rules.py; do not edit. 5xx answers burn, 4xx (429 among them) do not.
"""


@dataclass(frozen=True)
class Slo:
    """An objective over 30 days; `total` and `errors` are PromQL with the window to come as `$w`."""

    name: str
    service: str
    objective: float
    promise: str
    total: str
    errors: str


@dataclass(frozen=True)
class Burn:
    """One row of the multi-window table of the SRE workbook, chapter 5."""

    alert: str
    severity: str
    factor: float
    long: str
    short: str
    spent: str


BURNS = (
    Burn("ErrorBudgetBurnFast", "page", 14.4, "1h", "5m", "2 %"),
    Burn("ErrorBudgetBurnFast", "page", 6, "6h", "30m", "5 %"),
    Burn("ErrorBudgetBurnSlow", "ticket", 3, "1d", "2h", "10 %"),
    Burn("ErrorBudgetBurnSlow", "ticket", 1, "3d", "6h", "10 %"),
)


def _rate(metric: str, selector: str) -> str:
    return f"sum by (namespace) (rate({metric}{{{selector}}}[$w]))"


def _available(name: str, service: str, objective: float, promise: str, selector: str) -> Slo:
    metric = "http_server_request_duration_seconds_count"
    total = _rate(metric, selector)
    # Without a single 5xx there is no such series: that is no errors, not no answer.
    failed = _rate(metric, selector + ', http_response_status_code=~"5.."')
    return Slo(name, service, objective, promise, total, f"({failed} or 0 * {total})")


def _quick(name: str, service: str, promise: str, metric: str, selectors: tuple[str, str]) -> Slo:
    """99 % within a bucket; `selectors` are of the whole and of the bucket."""
    total = _rate(f"{metric}_count", selectors[0])
    within = _rate(f"{metric}_bucket", ", ".join(filter(None, selectors)))
    return Slo(name, service, 0.99, promise, total, f"({total} - {within})")


_HTTP = "http_server_request_duration_seconds"
_SIGN_IN = r'service="auth", http_route=~"/v1/login|/v1/token/refresh|/\\.well-known/jwks\\.json"'
_ORDERS = 'service="orders", http_route=~"/v1/.*"'
_WRITES = _ORDERS + ', http_request_method=~"POST|PUT|PATCH|DELETE"'

SLOS = (
    _available("auth-availability", "auth", 0.999, "99.9 % of sign-ins, refreshes, key reads answered", _SIGN_IN),
    _quick("auth-latency", "auth", "99 % of them within 0.25 s", _HTTP, (_SIGN_IN, 'le="0.25"')),
    _available("orders-availability", "orders", 0.999, "99.9 % of the API's calls are answered", _ORDERS),
    _quick("orders-latency", "orders", "99 % of the API's writes within 0.5 s", _HTTP, (_WRITES, 'le="0.5"')),
    _quick(
        "notification-freshness",
        "notifier",
        "99 % of the mails are handed over within 60 s of their event",
        "notification_delivery_seconds",
        ('service="notifier"', 'le="60.0"'),
    ),
)


def document() -> dict[str, Any]:
    """Return the rule file as data."""
    groups = [{"name": f"waybill.slo.{slo.name}", "rules": [*_recordings(slo), *_alerts(slo)]} for slo in SLOS]
    return {"groups": groups}


def _recordings(slo: Slo) -> Iterator[dict[str, Any]]:
    labels = {"service": slo.service, "slo": slo.name}

    def record(name: str, expression: str) -> dict[str, Any]:
        return {"record": f"service:{name}", "expr": expression, "labels": labels}

    yield record("sli_requests:rate5m", slo.total.replace("$w", "5m"))
    yield record("sli_errors:rate5m", slo.errors.replace("$w", "5m"))
    for window in WINDOWS:
        # No traffic records nothing; a NaN would stay in every average over it.
        ratio = f"{slo.errors} / ({slo.total} > 0)"
        yield record(f"sli_errors:ratio_rate{window}", ratio.replace("$w", window))
    for burn in BURNS:
        yield record(
            f"sli_requests:increase{burn.long}", slo.total.replace("rate(", "increase(").replace("$w", burn.long)
        )
    for window in ("1h", "6h"):
        burnt = f'service:sli_errors:ratio_rate{window}{{slo="{slo.name}"}} / {_budget(slo)}'
        yield record(f"slo_burn_rate:ratio_rate{window}", burnt)
    mine = f'{{slo="{slo.name}"}}[30d]'
    spent = f"sum_over_time(service:sli_errors:rate5m{mine}) / sum_over_time(service:sli_requests:rate5m{mine})"
    yield record("slo_error_budget_left:ratio30d", f"1 - ({spent}) / {_budget(slo)}")


def _alerts(slo: Slo) -> Iterator[dict[str, Any]]:
    mine = f'{{slo="{slo.name}"}}'
    for burn in BURNS:
        threshold = f"{burn.factor:g} * {_budget(slo)}"
        yield {
            "alert": burn.alert,
            "expr": f"service:sli_errors:ratio_rate{burn.long}{mine} > {threshold}\n"
            f"and service:sli_errors:ratio_rate{burn.short}{mine} > {threshold}\n"
            f"and service:sli_requests:increase{burn.long}{mine} >= {MINIMUM_REQUESTS}\n",
            "labels": {"severity": burn.severity, "window": burn.long, "service": slo.service, "slo": slo.name},
            "annotations": {
                "summary": f"{slo.name} burns its error budget {burn.factor:g} times too fast.",
                "description": f"Promised: {slo.promise}. In the last {burn.long} "
                f"{{{{ $value | humanizePercentage }}}} were not, which spends {burn.spent} of a month's budget.",
                "runbook_url": f"https://runbooks.waybill.example/{burn.alert}.md",
                "dashboard_url": "https://grafana.waybill.example/d/waybill-overview?viewPanel=2",
            },
        }


def _budget(slo: Slo) -> str:
    return f"{1 - slo.objective:.4g}"


class _Dumper(yaml.SafeDumper):
    """Plain YAML without anchors, long text in blocks."""

    def ignore_aliases(self, _data: Any) -> bool:
        return True


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style="|" if "\n" in value else None)


_Dumper.add_representer(str, _text)


def render(data: dict[str, Any]) -> str:
    """Return rules as YAML."""
    return yaml.dump(data, Dumper=_Dumper, sort_keys=False, width=10_000, allow_unicode=True)


def file_text() -> str:
    """Return the rule file as it is to be."""
    return _HEADER + render(document())


def main() -> int:
    """Write the file; with --check say whether it is what would be written."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing, fail when it differs")
    wanted = file_text()
    if not parser.parse_args().check:
        FILE.write_text(wanted, encoding="utf-8")
        return 0
    if FILE.exists() and FILE.read_text(encoding="utf-8") == wanted:
        return 0
    print(f"error: {FILE.name} is not what tools/write_rules.py writes: run `make rules`", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
