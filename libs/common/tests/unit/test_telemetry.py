"""Logs without secrets, trace contexts, and fault points that do nothing unless armed."""

import io
import json
import logging
import subprocess
import sys
import time

import pytest
from waybill_common.telemetry import (
    arm_fault_points,
    child_traceparent,
    configure_logging,
    current_request_id,
    current_traceparent,
    fault_point,
    get_logger,
    new_traceparent,
    use_context,
)

pytestmark = pytest.mark.unit


def test_a_line_is_one_json_object_with_service_level_ids_and_no_secret(logged):
    with use_context(request_id="r-1"):
        get_logger("x").info("signed_in", access_token="abc", password="pw", who="usr_1")
    logging.getLogger("library").warning("plain %s", "text")
    ours, foreign = logged()
    assert (ours["event"], ours["service"], ours["level"], ours["request_id"]) == ("signed_in", "demo", "info", "r-1")
    assert ours["access_token"] == ours["password"] == "[redacted]"
    assert (foreign["event"], foreign["service"]) == ("plain text", "demo")


def test_the_context_ends_with_its_block():
    parent = new_traceparent()
    with use_context(request_id="r-1", traceparent=parent):
        assert current_request_id() == "r-1"
        assert current_traceparent().split("-")[1] == parent.split("-")[1]
        assert current_traceparent() != parent
    assert current_request_id() is None
    assert current_traceparent() is None


@pytest.mark.parametrize("foreign", [None, "", "00-zz", "00-" + "0" * 32 + "-" + "1" * 16 + "-01", "x" * 4096])
def test_an_unreadable_parent_gives_a_fresh_trace(foreign):
    assert len(child_traceparent(foreign)) == 55


def test_fault_points_are_silent_unless_armed():
    fault_point("relay.after_confirm")


@pytest.fixture
def level_file(tmp_path, logged):
    del logged  # it puts everything back
    path, stream = tmp_path / "level", io.StringIO()
    path.write_text("INFO\n")
    configure_logging("demo", "INFO", stream, level_file=str(path))
    return path, lambda: [json.loads(line) for line in stream.getvalue().splitlines()]


def passes(monkeypatch, seconds):
    now = time.monotonic()
    monkeypatch.setattr("waybill_common.telemetry.logs.time.monotonic", lambda: now + seconds)


def test_the_level_follows_its_file_while_the_process_runs(level_file, monkeypatch):
    path, lines = level_file
    log = get_logger("x")
    log.debug("before")
    path.write_text("DEBUG\n")
    log.debug("not looked at yet")
    passes(monkeypatch, 3)
    log.debug("after")
    assert [line["event"] for line in lines()] == ["log_level_set", "after"]


def test_a_level_file_that_is_gone_or_makes_no_sense_changes_nothing_and_is_said_once(level_file, monkeypatch):
    path, lines = level_file
    path.write_text("LOUD")
    for seconds in (3, 6):
        passes(monkeypatch, seconds)
        get_logger("x").info("line")
    path.unlink()
    passes(monkeypatch, 9)
    get_logger("x").info("line")
    said = ["log_level_unreadable", "line", "line", "log_level_unreadable", "line"]
    assert [line["event"] for line in lines()] == said


@pytest.mark.parametrize("bad", ["x", "x=kill", "x=kill:1/0", "x=kill:1/many", "x=stop@y"])
def test_an_unreadable_fault_hook_is_refused(bad):
    with pytest.raises(ValueError, match="fault hook"):
        arm_fault_points(bad)


def test_an_armed_fault_point_kills_exactly_once_per_flag(tmp_path):
    flag = tmp_path / "die"
    program = (
        "from waybill_common.telemetry import arm_fault_points, fault_point\n"
        f"arm_fault_points('a=kill@{flag};else.where:b=kill@{flag}', 'here')\n"
        "fault_point('b'); fault_point('a'); print('alive')"
    )
    alive = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    flag.touch()
    killed = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (alive.returncode, alive.stdout) == (0, "alive\n")
    assert (killed.returncode, killed.stdout, flag.exists()) == (-9, "", False)
