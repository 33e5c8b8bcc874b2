"""Starting server processes that outlive a test worker but never the test run, and ending exactly those."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psutil

STOP_DEADLINE_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Launch:
    """A command with its environment, the system user to run as (None: the current one) and its log file."""

    command: Sequence[str]
    log: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    user: str | None = None


def start(launch: Launch, owner_pid: int) -> int:
    """Start `launch` under a keeper that kills it when the process `owner_pid` is gone; returns the server's pid."""
    keeper = [sys.executable, "-m", "waybill_testkit.keeper", str(owner_pid), str(launch.log), launch.user or ""]
    done = subprocess.run(
        [*keeper, *launch.command],
        env=dict(launch.environment),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        check=True,
        cwd="/",
    )
    return int(done.stdout)


def is_running(pid: int) -> bool:
    """The process exists and is not a zombie."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def family(pid: int) -> list[psutil.Process]:
    """The process and all its descendants, the process itself first; empty when it is gone."""
    try:
        process = psutil.Process(pid)
        return [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def kill_family(pid: int) -> None:
    """SIGKILL to the process and all its descendants; returns when they are gone."""
    members = family(pid)
    for member in members:
        send(member.pid, signal.SIGKILL)
    wait_until_gone([member.pid for member in members])


def send(pid: int, signal_number: int) -> None:
    """Send a signal; a process that is gone already is fine."""
    try:
        os.kill(pid, signal_number)
    except ProcessLookupError:
        return


def wait_until_gone(pids: Sequence[int], within_seconds: float = STOP_DEADLINE_SECONDS) -> None:
    """Return when none of `pids` runs; raises TimeoutError."""
    deadline = time.monotonic() + within_seconds
    while alive := [pid for pid in pids if is_running(pid)]:
        if time.monotonic() > deadline:
            raise TimeoutError(f"processes {alive} still run after {within_seconds} s")
        time.sleep(0.01)
