"""The gateway as a process: its commands, and what a kill -9 leaves behind."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest
import requests
from waybill_testkit.waiting import eventually, free_port

from .conftest import SECRET, Client, Receiver

pytestmark = pytest.mark.integration
Start = Callable[[], "tuple[subprocess.Popen[bytes], Client]"]


@pytest.fixture
def start_process(sandbox_database: str, receiver: Receiver) -> Iterator[Start]:
    port = free_port()
    started: list[subprocess.Popen[bytes]] = []
    environment = os.environ | {  # noqa: TID251 - handed on to the child
        "WAYBILL_SANDBOX_DATABASE_URL": sandbox_database,
        "WAYBILL_SANDBOX_WEB_PORT": str(port),
        "WAYBILL_SANDBOX_WEBHOOK_URL": receiver.url,
        "WAYBILL_SANDBOX_WEBHOOK_SECRET": SECRET,
    }

    def start() -> tuple[subprocess.Popen[bytes], Client]:
        client = Client(f"http://127.0.0.1:{port}")
        process = subprocess.Popen([sys.executable, "-m", "waybill_sandbox", "serve"], env=environment)
        started.append(process)
        eventually(lambda: process.poll() is None and answers(client))
        return process, client

    yield start
    for process in started:
        process.kill()
        process.wait()


def answers(client: Client) -> bool:
    try:
        return bool(client.get("/livez"))
    except requests.ConnectionError:
        return False


def told_as_captured(receiver: Receiver) -> set[str]:
    messages = [json.loads(body) for _, body in receiver.received]
    return {message["data"]["id"] for message in messages if message["type"] == "charge.captured"}


def test_a_killed_gateway_forgets_no_charge_and_still_tells_of_it(start_process: Start, receiver: Receiver) -> None:
    process, client = start_process()
    receiver.answers = [500] * 3
    first = client.charge("tok_approve", "kept")
    pending = client.charge("tok_async", "settles-later").json()
    process.kill()
    process.wait()
    _, client = start_process()
    assert client.charge("tok_approve", "kept").content == first.content
    assert len(client.get("/log")["data"]) == 2
    eventually(lambda: {first.json()["id"], pending["id"]} <= told_as_captured(receiver))


def test_sigterm_ends_the_process_cleanly(start_process: Start) -> None:
    process, _ = start_process()
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=20) == 0


def test_commands_name_what_is_missing(sandbox_database: str) -> None:
    def run(*command: str, **environment: str) -> subprocess.CompletedProcess[str]:
        line = [sys.executable, "-m", "waybill_sandbox", *command]
        return subprocess.run(line, check=False, env=environment, capture_output=True, text=True, timeout=60)

    bad = run("check-config")
    assert (bad.returncode, "WAYBILL_SANDBOX_DATABASE_URL" in bad.stderr) == (2, True)
    good = run("migrate", WAYBILL_SANDBOX_DATABASE_URL=sandbox_database)
    assert (good.returncode, good.stdout.strip()) == (0, "0001")
