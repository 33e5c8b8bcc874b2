"""Relay and consumer as real processes: killed in the two named windows, stopped by SIGTERM, asked on their port."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.request import urlopen

import pytest
from waybill_common.messaging import Broker, connect_broker
from waybill_testkit.waiting import eventually

from .support import QUEUE, TOPOLOGY, Flow, message, publish

pytestmark = pytest.mark.integration
PROCESS = Path(__file__).with_name("process.py")


@pytest.fixture(params=["rabbitmq", "embedded"])
def broker_url(request: pytest.FixtureRequest) -> str:
    fixture = request.getfixturevalue
    return str(fixture("amqp_url") if request.param == "rabbitmq" else fixture("fresh_database")())


@pytest.fixture
def broker(broker_url: str) -> Broker:
    broker = connect_broker(broker_url)
    broker.declare(TOPOLOGY)
    return broker


@contextmanager
def process(role: str, flow: Flow, broker_url: str, log: Path, *more: str) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("wb") as stderr:
        command = [sys.executable, str(PROCESS), role, flow.url, broker_url, *(more or [""])]
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
    with flow.relaying():
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
    with flow.relaying():
        eventually(lambda: flow.count("outbox") == 0)
    with process("consume", flow, broker_url, tmp_path / "log", f"consumer.after_commit=kill@{flag}") as killed:
        assert killed.wait(60) == -signal.SIGKILL
    assert flow.count("effect") >= 1
    with flow.consuming():
        eventually(lambda: flow.count("effect") == 5)
        eventually(lambda: flow.metric("inbox_duplicates_total") >= 1)
    assert sorted(flow.effects("usr_1")) == [1, 2, 3, 4, 5]  # type: ignore[type-var]


def run_until_it_dies_or(
    flow: Flow, broker_url: str, log: Path, first_prefetch: int, is_done: Callable[[], bool]
) -> bool:
    """Start a consumer as a kubelet would start it again; True when it lived to see `is_done`."""
    with process("consume", flow, broker_url, log, "", str(first_prefetch)) as running:
        eventually(lambda: running.poll() is not None or is_done())
        return is_done()


def test_a_message_that_kills_its_process_is_filed_and_its_neighbours_are_handled(
    flow: Flow, broker_url: str, tmp_path: Path
) -> None:
    publish(flow.broker, message("usr_poison"), *[message("usr_1", number) for number in range(1, 6)])

    def is_done() -> bool:
        return flow.count("effect") == 5 and len(flow.letters()) == 1

    eventually(lambda: run_until_it_dies_or(flow, broker_url, tmp_path / "log", 1, is_done), 120)
    [letter] = flow.letters()
    assert letter.reason == "delivery_limit"
    assert flow.effects("usr_1") == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("broker_url", ["rabbitmq"], indirect=True)
def test_handed_out_together_its_neighbours_would_reach_the_limit_with_it(
    flow: Flow, broker_url: str, tmp_path: Path
) -> None:
    """The control of the test above: a new line that takes all it can."""
    publish(flow.broker, message("usr_poison"), *[message("usr_1", number) for number in range(1, 6)])

    def all_dead() -> bool:
        return flow.broker.depth(f"{QUEUE}.dlq") == 6

    def dies() -> bool:
        return run_until_it_dies_or(flow, broker_url, tmp_path / "log", 20, lambda: False) or all_dead()

    eventually(dies, 120)
    assert flow.count("effect") == 0


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
