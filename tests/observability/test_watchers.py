"""What Prometheus beside a platform is told: targets that stay true, and the shipped rules at another speed."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest
import yaml
from waybill_standalone.processes.roster import Entry

from tests.observability.promtool import rules
from tools.observe import shipped
from tools.observe.targets import Targets

pytestmark = pytest.mark.contract

WEB = Entry(name="orders-web", role="web", service="orders", pid=1, port=8082, admin_port=9082)
WEB_WORKER = Entry(name="orders-web-worker-1", role="web-worker", service="orders", pid=2, port=8082, admin_port=9082)
RELAY = Entry(name="orders-relay-1", role="relay", service="orders", pid=3, port=0, admin_port=20001)
BROKER = Entry(name="rabbitmq", role="rabbitmq", service="", pid=4, port=5672, admin_port=15692)
POSTGRES = Entry(name="postgres", role="postgres", service="", pid=5, port=5432, admin_port=0)


def scraped(folder: Path, file: str = "waybill.json") -> dict[str, dict[str, str]]:
    found = json.loads((folder / file).read_text(encoding="utf-8"))
    return {target["targets"][0]: target["labels"] for target in found}


def test_each_process_is_a_target_once_with_the_labels_of_the_charts(tmp_path: Path) -> None:
    Targets(tmp_path).update([WEB, WEB_WORKER, RELAY, BROKER, POSTGRES])
    assert scraped(tmp_path) == {
        "127.0.0.1:9082": {"service": "orders", "process": "web", "pod": "orders-web"},
        "127.0.0.1:20001": {"service": "orders", "process": "relay", "pod": "orders-relay-1"},
    }
    assert list(scraped(tmp_path, "rabbitmq.json")) == ["127.0.0.1:15692"]


def test_a_process_that_died_stays_a_target_and_one_that_moved_follows(tmp_path: Path) -> None:
    targets = Targets(tmp_path)
    targets.update([WEB, RELAY])
    targets.update([WEB])
    assert list(scraped(tmp_path)) == ["127.0.0.1:9082", "127.0.0.1:20001"]
    targets.update([WEB, Entry(**{**RELAY, "admin_port": 20002})])
    assert list(scraped(tmp_path)) == ["127.0.0.1:9082", "127.0.0.1:20002"]


def test_quicker_rules_differ_in_nothing_but_time(tmp_path: Path) -> None:
    shipped.write_rules(tmp_path, quicker=30, shortest_seconds=15)
    text = [file.read_text(encoding="utf-8") for file in sorted(tmp_path.glob("*.yaml"))]
    quick = [rule for file in text for group in yaml.safe_load(file)["groups"] for rule in group["rules"]]
    assert len(quick) == len(rules())
    for slow, fast in zip(rules(), quick, strict=True):
        assert _timeless(slow["expr"]) == _timeless(fast["expr"])
        assert slow.get("labels") == fast.get("labels")
    assert {rule["for"] for rule in quick if rule.get("alert") == "ServiceDown"} == {"10s"}
    windows = {window for rule in quick for window in re.findall(r"\[(\d+s)\]", rule["expr"])}
    assert {"15s", "120s", "8640s"} <= windows


def test_rules_at_their_own_speed_are_the_shipped_ones(tmp_path: Path) -> None:
    shipped.write_rules(tmp_path)
    copied = [yaml.safe_load(file.read_text("utf-8")) for file in sorted(tmp_path.glob("*.yaml"))]
    found = [rule for document in copied for group in document["groups"] for rule in group["rules"]]
    assert [(rule["expr"], rule.get("for")) for rule in found] == [(rule["expr"], rule.get("for")) for rule in rules()]


def test_alertmanager_accepts_the_routing_with_and_without_mails(tmp_path: Path) -> None:
    for address in ("", "127.0.0.1:2525"):
        shipped.write_routing(tmp_path / "alertmanager.yml", address)
        command = ["amtool", "check-config", str(tmp_path / "alertmanager.yml")]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


def _timeless(expression: str) -> str:
    return re.sub(r"\[\d+[smhd]\]", "[]", expression)
