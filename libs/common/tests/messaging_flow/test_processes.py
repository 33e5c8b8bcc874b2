"""Relay and consumer as real processes: killed in the two named windows, stopped by SIGTERM, asked on their port."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from urllib.request import urlopen

import pytest
from waybill_common.messaging import Broker, connect_broker
from waybill_common.messaging.topology import WAYBILL_TOPOLOGY
from waybill_testkit.waiting import eventually

from .support import CONSUMING, QUEUE, RELAYING, Flow

pytestmark = pytest.mark.integration
RELAYING_FOR_REAL = replace(RELAYING, topology=WAYBILL_TOPOLOGY)
PROCESS = Path(__file__).with_name("process.py")


@pytest.fixture(params=["rabbitmq", "embedded"])
def broker_url(request: pytest.FixtureRequest) -> str:
    fixture = request.getfixturevalue
    return str(fixture("amqp_url") if request.param == "rabbitmq" else fixture("fresh_database")())


@pytest.fixture
def broker(broker_url: str) -> Broker:
    broker = connect_broker(broker_url)
    broker.declare(WAYBILL_TOPOLOGY)  # as the processes declare it: with the real rungs
    return broker


@contextmanager
def process(role: str, flow: Flow, broker_url: str, log: Path, hooks: str = "") -> Iterator[subprocess.Popen[bytes]]:
    with log.open("wb") as stderr:
        command = [sys.executable, str(PROCESS), role, flow.url, broker_url, hooks]
        running = subprocess.Popen(command, stderr=stderr)
        try:
            yield running
        finally:
            running.kill()
            running.wait()


def test_a_relay_killed_between_confirm_and_commit_publishes_again_and_each_effect_is_one(
    flow: Flow, broker_url: str, tmp_path: Path
) -> None:
    flag = tmp_path / "kill"
    flag.touch()
    flow.append_numbered("usr_1", 5)
    with process("relay", flow, broker_url, tmp_path / "log", f"relay.after_confirm=kill@{flag}") as killed:
        assert killed.wait(60) == -signal.SIGKILL
    assert (flow.count("outbox"), flow.broker.depth(QUEUE)) == (5, 5), "confirmed, and not forgotten"
    with flow.relaying(RELAYING_FOR_REAL):
        eventually(lambda: flow.count("outbox") == 0)
    assert flow.broker.depth(QUEUE) == 10
    with process("consume", flow, broker_url, tmp_path / "log2"):
        eventually(lambda: flow.broker.depth(QUEUE) == 0)
        eventually(lambda: flow.count("effect") == 5)
    assert flow.effects("usr_1") == [1, 2, 3, 4, 5]


def test_a_consumer_killed_between_commit_and_ack_gets_the_message_again_and_has_one_effect(
    flow: Flow, broker_url: str, tmp_path: Path
) -> None:
    flag = tmp_path / "kill"
    flag.touch()
    flow.append_numbered("usr_1", 5)
    with flow.relaying(RELAYING_FOR_REAL):
        eventually(lambda: flow.count("outbox") == 0)
    with process("consume", flow, broker_url, tmp_path / "log", f"consumer.after_commit=kill@{flag}") as killed:
        assert killed.wait(60) == -signal.SIGKILL
    assert flow.count("effect") >= 1
    with flow.consuming(options=replace(CONSUMING, topology=WAYBILL_TOPOLOGY)):
        eventually(lambda: flow.count("effect") == 5)
        eventually(lambda: flow.metric("inbox_duplicates_total") >= 1)
    assert sorted(flow.effects("usr_1")) == [1, 2, 3, 4, 5]  # type: ignore[type-var]


@pytest.mark.parametrize("role", ["relay", "consume"])
def test_a_process_answers_on_its_port_and_ends_with_zero_on_sigterm(
    flow: Flow, broker_url: str, tmp_path: Path, role: str
) -> None:
    log = tmp_path / "log"

    def port() -> int:
        lines = [json.loads(line) for line in log.read_text().splitlines() if line.startswith("{")]
        return next((line["port"] for line in lines if line["event"] == "admin_port"), 0)

    def status(path: str) -> int:
        with urlopen(f"http://127.0.0.1:{port()}{path}", timeout=5) as answer:
            return int(answer.status)

    with process(role, flow, broker_url, log) as running:
        eventually(port)
        eventually(lambda: _quietly(lambda: status("/readyz") == 200))
        assert status("/livez") == 200
        with urlopen(f"http://127.0.0.1:{port()}/metrics", timeout=5) as answer:
            names = answer.read().decode()
        wanted = "outbox_oldest_pending_age_seconds" if role == "relay" else "consumer_inflight"
        assert wanted in names
        running.send_signal(signal.SIGTERM)
        assert running.wait(60) == 0


def _quietly(ask: object) -> bool:
    try:
        return bool(ask())  # type: ignore[operator]
    except OSError:
        return False
