"""The keeper of processes: start in order, restart, list, pause, stop."""

import json
import os
import signal
import subprocess
import sys
import textwrap

import psutil
import pytest
from waybill_standalone.home import Home
from waybill_standalone.processes.supervisor import StartError, Supervisor
from waybill_standalone.servers.child import Program
from waybill_testkit.waiting import eventually

pytestmark = pytest.mark.integration

PAUSE = "import signal; signal.pause()"


def _program(name, code, role="worker", **more):
    command = [sys.executable, "-c", textwrap.dedent(code)]
    return Program(name=name, role=role, command=command, environment={}, **more)


@pytest.fixture
def home(tmp_path):
    home = Home(tmp_path / "home")
    yield home
    home.close()


@pytest.fixture
def supervisor(home):
    supervisor = Supervisor(home)
    yield supervisor
    supervisor.stop()


def _roster(home):
    return json.loads((home.folder / "processes.json").read_text())


def test_what_dies_is_started_again_and_the_list_stays_true(home, supervisor):
    supervisor.start([_program("sleeper", PAUSE, service="orders", admin_port=12345)])
    (entry,) = _roster(home)
    assert {name: entry[name] for name in ("name", "role", "service", "port", "admin_port")} == {
        "name": "sleeper",
        "role": "worker",
        "service": "orders",
        "port": 0,
        "admin_port": 12345,
    }
    os.kill(entry["pid"], signal.SIGKILL)

    def replaced():
        supervisor.look()
        roster = _roster(home)
        return roster and roster[0]["pid"] != entry["pid"] and psutil.pid_exists(roster[0]["pid"])

    assert eventually(replaced)


def test_while_paused_what_dies_stays_dead(home, supervisor):
    supervisor.start([_program("one", PAUSE), _program("two", PAUSE)])
    pids = {entry["name"]: entry["pid"] for entry in _roster(home)}
    (home.folder / "pause").write_text("one\n")
    os.kill(pids["one"], signal.SIGKILL)
    os.kill(pids["two"], signal.SIGKILL)

    def only_two():
        supervisor.look()
        return [entry["name"] for entry in _roster(home)] == ["two"] and _roster(home)[0]["pid"] != pids["two"]

    assert eventually(only_two)
    (home.folder / "pause").unlink()

    def both():
        supervisor.look()
        return len(_roster(home)) == 2

    assert eventually(both)


def test_a_program_that_ends_at_once_is_told_with_its_last_words(supervisor):
    with pytest.raises(StartError, match=r"broken ended with 3.*\n.*no such table"):
        supervisor.start([_program("broken", "print('no such table'); raise SystemExit(3)", is_ready=lambda: False)])


def test_a_program_that_ignores_the_signal_is_killed_after_its_grace(home, supervisor):
    stubborn = """
        import signal
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        print("up", flush=True)
        while True:
            signal.pause()
    """
    log = home.logs / "stubborn.log"
    supervisor.start([_program("stubborn", stubborn, stop_grace_seconds=0.2, is_ready=lambda: "up" in log.read_text())])
    pid = _roster(home)[0]["pid"]
    supervisor.stop()
    assert not psutil.pid_exists(pid)
    assert _roster(home) == []


def test_a_stopped_program_can_be_ended_too(home, supervisor):
    supervisor.start([_program("frozen", PAUSE)])
    pid = _roster(home)[0]["pid"]
    os.kill(pid, signal.SIGSTOP)
    supervisor.stop()
    assert not psutil.pid_exists(pid)


def test_children_end_when_their_parent_is_killed(tmp_path):
    parent = f"""
        import os, pathlib, sys, time
        from waybill_standalone.home import Home
        from waybill_standalone.processes.supervisor import Supervisor
        from waybill_standalone.servers.child import Program
        supervisor = Supervisor(Home(pathlib.Path({str(tmp_path / "home")!r})))
        command = [sys.executable, "-c", "import signal; signal.pause()"]
        supervisor.start([Program(name="child", role="worker", command=command, environment={{}})])
        print("up", flush=True)
        time.sleep(600)
    """
    process = subprocess.Popen([sys.executable, "-c", textwrap.dedent(parent)], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline().strip() == "up"
    (entry,) = json.loads((tmp_path / "home" / "processes.json").read_text())
    process.kill()
    process.wait()
    process.stdout.close()
    assert eventually(lambda: not psutil.pid_exists(entry["pid"]))
