"""The mail catcher as a process, the way dev-deps runs it."""

import signal
import smtplib
import subprocess
import sys
from collections.abc import Callable, Iterator
from email.message import EmailMessage
from pathlib import Path

import pytest
import requests
from waybill_testkit.waiting import eventually, free_port

pytestmark = pytest.mark.integration
Start = Callable[[], "subprocess.Popen[bytes]"]


@pytest.fixture
def ports() -> tuple[int, int]:
    return free_port(), free_port()


@pytest.fixture
def start(ports: tuple[int, int], tmp_path: Path) -> Iterator[Start]:
    smtp_port, web_port = ports
    started: list[subprocess.Popen[bytes]] = []

    def run() -> "subprocess.Popen[bytes]":
        command = [
            *(sys.executable, "-m", "waybill_sandbox", "mail", "--listen=0.0.0.0", f"--file={tmp_path}/mail.jsonl"),
            *(f"--smtp-port={smtp_port}", f"--web-port={web_port}"),
        ]
        process = subprocess.Popen(command)
        started.append(process)
        eventually(lambda: process.poll() is None and subjects(web_port) is not None)
        return process

    yield run
    for process in started:
        process.kill()
        process.wait()


def subjects(web_port: int) -> list[str] | None:
    try:
        caught = requests.get(f"http://127.0.0.1:{web_port}/api/messages", timeout=5).json()
    except requests.ConnectionError:
        return None
    return [mail["subject"] for mail in caught]


def send(smtp_port: int, subject: str) -> None:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "shop@example.com", "kim@example.com", subject
    message.set_content("Hello")
    with smtplib.SMTP("127.0.0.1", smtp_port, timeout=10) as client:
        client.send_message(message)


def test_a_mail_that_was_taken_outlives_a_kill(start: Start, ports: tuple[int, int]) -> None:
    smtp_port, web_port = ports
    process = start()
    send(smtp_port, "taken")
    process.kill()
    process.wait()
    start()
    assert subjects(web_port) == ["taken"]


def test_sigterm_ends_the_mail_catcher_cleanly(start: Start) -> None:
    process = start()
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=20) == 0
