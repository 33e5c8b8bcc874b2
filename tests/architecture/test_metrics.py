"""What processes export is what contracts/metrics says, by the field's rules, and bounded whatever a client does."""

import json
import random
import re
import shutil
import subprocess
from collections import Counter
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry
from waybill_common.http.metrics import HttpServerMetrics
from waybill_common.telemetry import render_metrics

from tools import write_metrics
from tools.write_openapi import build_web

CONTRACTS = Path(__file__).resolve().parents[2] / "contracts" / "metrics"
SERVICES = write_metrics.SERVICES
MOST_SERIES = 2_000

# Every label there is, so that a new one is looked at: it must be bounded, and no id, address or path.
LABELS = {
    *("service", "version", "revision"),
    *("http_request_method", "http_route", "http_response_status_code", "server_address", "error_type"),
    *("db_system_name", "db_operation_name", "pool_name", "state"),
    *("destination", "queue", "outcome", "kind", "channel", "scheme", "from", "to"),
}
# Their combinations come from what is asked, so there is none before somebody asks.
OPEN = {"http_server_request_duration_seconds", "http_client_request_duration_seconds"}
# The convention's own name, which promtool takes for a part of a histogram.
OPENTELEMETRYS = 'db_client_connection_count non-histogram and non-summary metrics should not have "_count" suffix'
# kubernetes.md 7.1, in the processes that must have it.
PROMISED = {
    "app_build_info": {"web", "relay", "consumer", "worker"},
    "http_server_request_duration_seconds": {"web"},
    "http_server_active_requests": {"web"},
    "http_client_request_duration_seconds": {"web", "consumer", "worker"},
    "db_client_operation_duration_seconds": {"web", "relay", "consumer", "worker"},
    "db_client_connection_count": {"web", "consumer", "worker"},
    "db_client_connection_wait_time_seconds": {"web", "consumer", "worker"},
    "db_client_connection_timeouts_total": {"web", "consumer", "worker"},
    "messaging_client_sent_messages_total": {"relay"},
    "messaging_client_consumed_messages_total": {"consumer"},
    "messaging_process_duration_seconds": {"consumer"},
    "outbox_pending_events": {"relay"},
    "outbox_oldest_pending_age_seconds": {"relay"},
    "outbox_publish_total": {"relay"},
    "inbox_duplicates_total": {"consumer"},
    "consumer_last_success_timestamp_seconds": {"consumer"},
    "consumer_inflight": {"consumer"},
    "consumer_redelivered_total": {"consumer"},
    "auth_logins_total": {"web"},
    "orders_created_total": {"web"},
    "order_transitions_total": {"web"},
    "notifications_sent_total": {"worker"},
    "notification_delivery_seconds": {"worker"},
}


def contract(service):
    return json.loads((CONTRACTS / f"{service}.json").read_text())["metrics"]


def of_processes():
    """Yield each process with its registry as it is at the start."""
    for service in SERVICES:
        with write_metrics.registries(service) as registries:
            for role, registry in registries.items():
                yield service, role, registry


def faults(metric):
    """Say what is wrong with one entry of a contract."""
    name, kind, labels = metric["name"], metric["type"], metric["labels"]
    if (kind == "counter") is not name.endswith("_total"):
        yield f"{name}: `_total` is for counters"
    if re.search(r"_(ms|milli\w*|micro\w*|minutes|hours|days|k?b|ki?b|mi?b|percent)(_total)?$", name):
        yield f"{name}: not a base unit"
    if kind == "histogram" and "unit" not in metric:
        yield f"{name}: a histogram without a unit"
    if unknown := set(labels) - LABELS:
        yield f"{name}: unknown labels {sorted(unknown)}"
    if not metric["help"].endswith("."):
        yield f"{name}: the help is no sentence"


def series(registry):
    return [sample for family in registry.collect() for sample in family.samples]


def test_the_committed_contracts_and_the_page_are_those_of_the_code(capsys):
    assert write_metrics.main(["--check"]) == 0, capsys.readouterr().err


@pytest.mark.parametrize("service", SERVICES)
def test_names_units_and_labels_follow_the_rules(service):
    ours = [metric for metric in contract(service) if not metric["name"].startswith("process_")]
    assert [fault for metric in ours for fault in faults(metric)] == []


def test_a_metric_that_breaks_a_rule_is_found():
    planted = {"name": "call_ms", "type": "counter", "labels": ["email"], "help": "Slow"}
    assert len(list(faults(planted))) == 4


def test_what_was_promised_is_there():
    found = {
        (metric["name"], role) for service in SERVICES for metric in contract(service) for role in metric["processes"]
    }
    assert {(name, role) for name, roles in PROMISED.items() for role in roles} - found == set()


def test_every_process_names_its_build_and_shows_each_series_it_will_count_from_the_start():
    for service, role, registry in of_processes():
        families = {family.name: family for family in registry.collect()}
        assert registry.get_sample_value("app_build_info", labels_of(families["app_build_info"])) == 1
        silent = {
            metric["name"]
            for metric in contract(service)
            if role in metric["processes"] and not families[metric["name"].removesuffix("_total")].samples
        }
        assert silent <= OPEN, f"{service} {role}"


def labels_of(family):
    (sample,) = family.samples
    assert set(sample.labels) == {"service", "version", "revision"}
    return sample.labels


@pytest.mark.parametrize("service", SERVICES)
def test_a_client_that_tries_everything_makes_no_more_series_than_a_pod_may_have(service):
    app, registry = build_web(service)
    client, chance = app.test_client(), random.Random(7)
    rules = [rule.rule for rule in app.url_map.iter_rules()]
    methods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW", "PROPFIND"]
    for _ in range(1_500):
        path = re.sub(r"<[^>]+>", f"ord_{chance.getrandbits(64):x}", chance.choice(rules))
        if chance.random() < 0.2:
            path += f"/{chance.getrandbits(32):x}@example.com"
        headers = chance.choice([{}, {"Authorization": "Bearer x"}, {"Content-Type": f"text/{chance.random()}"}])
        client.open(
            path, method=chance.choice(methods), headers=headers, data=chance.choice([b"", b"{", b"x" * 20_000])
        )
    found = series(registry)
    assert len(found) <= MOST_SERIES
    routes = {sample.labels["http_route"] for sample in found if "http_route" in sample.labels}
    assert routes <= {*rules, "__unmatched__", "__overflow__"}


@pytest.mark.parametrize("service", SERVICES)
def test_not_even_every_answer_of_every_route_makes_more(service):
    app, registry = build_web(service)
    at_start, stressed = len(series(registry)), CollectorRegistry()
    metrics = HttpServerMetrics(stressed)
    asked = [
        (method, rule.rule, status)
        for rule in app.url_map.iter_rules()
        for method in rule.methods
        for status in (200, 201, 204, 304, 400, 401, 403, 404, 409, 412, 415, 422, 428, 429, 500, 503)
    ]
    for method, route, status in asked:
        metrics.finished(method, route, status, 0.01)
    assert 17 * len(asked) > MOST_SERIES, "the control: without the bound it would be more"
    assert at_start + len(series(stressed)) <= MOST_SERIES
    by_status = Counter()
    for sample in series(stressed):
        if sample.name.endswith("_count"):
            by_status[int(sample.labels["http_response_status_code"])] += sample.value
    assert by_status == Counter(status for _, _, status in asked), "no answer lost its status"


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed (Debian package prometheus)")
def test_promtool_finds_nothing_but_the_name_that_opentelemetry_gave():
    for service, role, registry in of_processes():
        said = subprocess.run(
            ["promtool", "check", "metrics"], input=render_metrics(registry), capture_output=True, check=False
        )
        lines = set((said.stdout + said.stderr).decode().splitlines())
        assert lines <= {OPENTELEMETRYS}, f"{service} {role}"
