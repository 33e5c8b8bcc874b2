"""Does the faults of a plan to the processes that `.waybill/processes.json` lists, and to no other."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.chaos.plan import Fault

_WINDOW_SECONDS = 20.0
# PostgreSQL's "fast" shutdown is SIGINT; SIGTERM would wait for every client to leave.
_SIGNALS = {("restart", "postgres"): signal.SIGINT, ("restart", "rabbitmq"): signal.SIGTERM}


@dataclass(frozen=True)
class Done:
    """What became of a fault: the victim's name, or why there was none."""

    fault: Fault
    outcome: str


class Injector:
    """Works on one platform folder; `flags` is the folder of the flag files of `windows`."""

    def __init__(self, processes: Path, flags: Path, windows: Iterable[str]) -> None:
        self._processes = processes
        self._flags = flags
        self._windows = tuple(windows)
        self.done: list[Done] = []

    def hooks(self) -> str:
        """Return the setting that arms every window with its flag file."""
        scoped = {"web.after_commit": "orders.web:web.after_commit"}
        return ";".join(f"{scoped.get(name, name)}=kill@{self._flags / name}" for name in self._windows)

    def inject(self, fault: Fault) -> None:
        """Do one fault and note what became of it."""
        outcome = self._window(fault) if fault.action == "window" else self._signal(fault)
        self.done.append(Done(fault, outcome))

    def wait(self, seconds: float) -> None:
        """Let the load go on between two faults: the pause is part of the plan."""
        time.sleep(seconds)

    def _window(self, fault: Fault) -> str:
        """Put the flag and wait until a process has died of it, or take it back when none came by."""
        flag = self._flags / fault.target
        flag.touch()
        deadline = time.monotonic() + _WINDOW_SECONDS
        while flag.exists():
            if time.monotonic() > deadline:
                flag.unlink(missing_ok=True)
                return "nobody came by"
            time.sleep(0.02)
        return "died there"

    def _signal(self, fault: Fault) -> str:
        victims = [
            entry
            for entry in self._listed()
            if entry["role"] == fault.target and fault.service in {"", entry["service"]}
        ]
        if not victims:
            return "none is running"
        victim = victims[int(fault.pick * len(victims))]
        try:
            self._do(fault, int(victim["pid"]))
        except ProcessLookupError:
            return f"{victim['name']} was gone already"
        return str(victim["name"])

    def _do(self, fault: Fault, pid: int) -> None:
        if fault.action == "stop":
            os.kill(pid, signal.SIGSTOP)
            try:
                time.sleep(fault.seconds)  # the length of the stop is the fault itself
            finally:
                with suppress(ProcessLookupError):  # it may have died of something else while it stood still
                    os.kill(pid, signal.SIGCONT)
        else:
            os.kill(pid, _SIGNALS.get((fault.action, fault.target), signal.SIGKILL))

    def _listed(self) -> list[dict[str, Any]]:
        listed: list[dict[str, Any]] = json.loads(self._processes.read_text(encoding="utf-8"))
        return listed
