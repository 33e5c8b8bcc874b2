"""A collector that is away or never answers costs spans, and neither a request nor the end of a process."""

import json
import subprocess
import sys
import threading

import pytest
from waybill_common.telemetry import NewSpan, start_tracing, stop_tracing, use_context
from waybill_common.telemetry.otlp import _BATCH, _QUEUE
from waybill_testkit.collector import BlackHole
from waybill_testkit.waiting import free_port

from .conftest import settings

pytestmark = pytest.mark.integration


def requests(count):
    for _ in range(count):
        with use_context(span=NewSpan("GET /", "server")):
            pass


def ending():
    return [thread for thread in threading.enumerate() if thread.name == "traces-end"]


def test_the_end_does_not_wait_until_a_black_hole_has_been_given_everything():
    with BlackHole() as hole:
        start_tracing(settings(hole.url), "web")
        requests(_QUEUE)
        assert hole.swallowed.wait(30)
        stop_tracing()
        # The negative control: the SDK's own end still waits for the batches behind the first one.
        assert ending(), f"{_QUEUE // _BATCH} batches cannot have been given up already"
    for thread in ending():
        thread.join(30)


PROGRAM = """
import io, sys, threading
from waybill_common.settings import ServiceSettings
from waybill_common.telemetry import NewSpan, configure_logging, start_tracing, stop_tracing, use_context
from waybill_common.telemetry.otlp import _QUEUE
from waybill_testkit.waiting import eventually
class Settings(ServiceSettings):
    service = "orders"
def requests(count):
    for _ in range(count):
        with use_context(span=NewSpan("GET /", "server")):
            pass
stream = io.StringIO()
configure_logging("orders", "INFO", stream)
endpoint = sys.argv[1]
start_tracing(Settings(database_url="postgresql://u@h/d", traces_endpoint=endpoint, traces_sampling=1), "web")
requests(_QUEUE)
eventually(lambda: "spans_lost" in stream.getvalue())
requests(3 * _QUEUE)
stop_tracing()
print(stream.getvalue())
"""


@pytest.mark.parametrize("is_there", [True, False], ids=["black hole", "refused"])
def test_what_is_lost_is_counted_in_one_line_and_not_in_one_a_span(is_there):
    with BlackHole() as hole:
        endpoint = hole.url if is_there else f"http://127.0.0.1:{free_port()}"
        command = [sys.executable, "-c", PROGRAM, endpoint]
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    lines = [json.loads(line) for line in done.stdout.splitlines() if line]
    said = [line["event"] for line in lines]
    (lost,) = [line for line in lines if line["event"] == "spans_lost"]
    assert lost["spans"] >= _BATCH
    assert any("Queue full" in event for event in said)
    assert len(said) < 10, said
