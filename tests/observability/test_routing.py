"""Who is told what: routes by amtool, and muting by a real Alertmanager that says what inhibited what."""

from __future__ import annotations

import datetime as dt
import subprocess
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import requests
from waybill_testkit.waiting import eventually

from tests.observability.promtool import alerts
from tools.observe.shipped import ALERTMANAGER
from tools.observe.watchers import Watchers

pytestmark = pytest.mark.integration

QUEUE_ALERTS = sorted(rule["alert"] for rule in alerts() if rule["labels"].get("category") == "queues")
BURN = {"alertname": "ErrorBudgetBurnFast", "service": "orders", "slo": "orders-latency", "severity": "page"}


@pytest.mark.parametrize("severity", ["page", "ticket"])
def test_an_alert_goes_to_the_receiver_of_its_severity(severity: str) -> None:
    command = ["amtool", "config", "routes", "test", f"--config.file={ALERTMANAGER}", f"--verify.receivers={severity}"]
    for rule in [rule for rule in alerts() if rule["labels"]["severity"] == severity]:
        labels = [f"{name}={value}" for name, value in {"alertname": rule["alert"], **rule["labels"]}.items()]
        done = subprocess.run([*command, *labels], capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{rule['alert']}: {done.stdout}{done.stderr}"


def test_every_severity_has_a_receiver() -> None:
    assert {rule["labels"]["severity"] for rule in alerts()} == {"page", "ticket"}


@pytest.fixture
def alertmanager(tmp_path: Path) -> Iterator[Watchers]:
    watchers = Watchers(tmp_path)
    with watchers.only("alertmanager"):
        yield watchers


def post(watchers: Watchers, *labels: Mapping[str, str]) -> None:
    until = (dt.datetime.now(dt.UTC) + dt.timedelta(hours=1)).isoformat()
    body = [{"labels": dict(one), "endsAt": until} for one in labels]
    requests.post(f"{watchers.alertmanager_url}/api/v2/alerts", json=body, timeout=10).raise_for_status()


def muted_by(watchers: Watchers, muted: Mapping[str, str]) -> set[str]:
    """The names of the alerts that mute this one."""

    def held() -> list[dict[str, Any]]:
        held = requests.get(f"{watchers.alertmanager_url}/api/v2/alerts", timeout=10).json()
        assert any(one["labels"] == muted for one in held)
        assert all(one["status"]["state"] != "unprocessed" for one in held)
        return list(held)

    found = eventually(held)
    names = {one["fingerprint"]: one["labels"]["alertname"] for one in found}
    (mine,) = (one for one in found if one["labels"] == muted)
    return {names[fingerprint] for fingerprint in mine["status"]["inhibitedBy"]}


def is_muted_by(watchers: Watchers, muted: Mapping[str, str], name: str) -> bool:
    """Whether this alert and no other mutes it."""
    return muted_by(watchers, muted) == {name}


def test_a_service_that_is_down_mutes_its_own_burn_rates_and_no_others(alertmanager: Watchers) -> None:
    other = {**BURN, "service": "auth", "slo": "auth-latency"}
    post(alertmanager, {"alertname": "ServiceDown", "service": "orders", "process": "web"}, BURN, other)
    eventually(lambda: muted_by(alertmanager, BURN) == {"ServiceDown"})
    assert muted_by(alertmanager, other) == set()


def test_a_service_that_is_down_in_another_namespace_mutes_nothing_here(alertmanager: Watchers) -> None:
    here = {**BURN, "namespace": "production"}
    down = {"alertname": "ServiceDown", "service": "orders", "namespace": "staging"}
    there = {**BURN, "namespace": "staging"}
    post(alertmanager, down, here, there)
    eventually(lambda: muted_by(alertmanager, there) == {"ServiceDown"})
    assert muted_by(alertmanager, here) == set()


def test_a_fast_burn_mutes_the_slow_one_of_the_same_objective(alertmanager: Watchers) -> None:
    slow = {**BURN, "alertname": "ErrorBudgetBurnSlow", "severity": "ticket"}
    post(alertmanager, BURN, slow)
    eventually(lambda: muted_by(alertmanager, slow) == {"ErrorBudgetBurnFast"})
    assert muted_by(alertmanager, BURN) == set()


def test_a_blocked_broker_mutes_every_alert_about_queues(alertmanager: Watchers) -> None:
    strange = [{"alertname": name, "category": "queues", "queue": "notifier.events.v1"} for name in QUEUE_ALERTS]
    down = {"alertname": "ServiceDown", "service": "orders"}
    post(alertmanager, {"alertname": "BrokerPublishersBlocked", "severity": "page"}, *strange, down)
    assert len(strange) >= 7
    for one in strange:
        eventually(partial(is_muted_by, alertmanager, one, "BrokerPublishersBlocked"))
    assert muted_by(alertmanager, down) == set()
