"""Starts programs in order, restarts what dies, and stops everything it started in the reverse order."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from waybill_common.telemetry import get_logger

from waybill_standalone.home import Home
from waybill_standalone.processes.backoff import Backoff
from waybill_standalone.processes.roster import Roster
from waybill_standalone.servers.child import Child, Program

PAUSE_FILE = "pause"
_LOOK_EVERY_SECONDS = 0.1
_TOGETHER = ("web", "relay", "consumer", "worker")  # what they stand on stops after them, one by one
_log = get_logger(__name__)


class StartError(Exception):
    """A program did not become ready; the message has the end of its log."""


@dataclass
class _Kept:
    program: Program
    log: Path
    child: Child
    started_at: float
    backoff: Backoff = field(default_factory=Backoff)
    due_at: float | None = None
    restarts: int = 0


class Supervisor:
    """Keeper of all children of this process; used from its main thread alone.

    While the file `.waybill/pause` exists, what dies stays dead: all of it, or only the names that the file lists.
    """

    def __init__(self, home: Home) -> None:
        self._home = home
        self._roster = Roster(home)
        self._kept: list[_Kept] = []
        (home.folder / PAUSE_FILE).unlink(missing_ok=True)
        self._roster.update([])

    def start(self, programs: Sequence[Program]) -> None:
        """Start all of `programs` at once and return when each is ready; raises StartError."""
        new = [self._start(program) for program in programs]
        for kept in new:
            self._await(kept)
        self.look()

    def watch(self, stop: threading.Event) -> None:
        """Keep everything running until `stop` is set."""
        while not stop.wait(_LOOK_EVERY_SECONDS):
            self.look()

    def look(self) -> None:
        """One round: note what died, start what is due, and bring the list of processes up to date."""
        now = time.monotonic()
        for kept in self._kept:
            code = kept.child.exit_code()
            if code is None:
                continue
            if kept.due_at is None:
                kept.due_at = kept.backoff.died(now, now - kept.started_at)
                _log.warning("process_died", name=kept.program.name, pid=kept.child.pid, exit_code=code)
            if now >= kept.due_at and not self._is_paused(kept.program.name):
                self._restart(kept)
        self._roster.update(kept.child for kept in self._kept)

    def stop(self) -> None:
        """Stop everything, last started first; programs without an order between them stop together."""
        for kept in reversed(self._kept):
            if kept.program.role in _TOGETHER:
                kept.child.ask_to_stop()
        for kept in reversed(self._kept):
            kept.child.ask_to_stop()
            if not kept.child.wait_until_stopped(kept.program.stop_grace_seconds):
                _log.warning("process_killed", name=kept.program.name, after_seconds=kept.program.stop_grace_seconds)
        self._kept.clear()
        self._roster.update([])

    def _start(self, program: Program) -> _Kept:
        log = self._home.logs / f"{program.name}.log"
        kept = _Kept(program, log, Child(program, log), time.monotonic())
        self._kept.append(kept)
        return kept

    def _restart(self, kept: _Kept) -> None:
        try:
            kept.child = Child(kept.program, kept.log)
        except OSError as error:
            kept.due_at = kept.backoff.died(time.monotonic(), 0)
            _log.error("process_not_started", name=kept.program.name, error=str(error))
            return
        kept.started_at, kept.due_at = time.monotonic(), None
        kept.restarts += 1
        _log.info("process_restarted", name=kept.program.name, pid=kept.child.pid, restarts=kept.restarts)

    def _await(self, kept: _Kept) -> None:
        deadline = time.monotonic() + kept.program.start_deadline_seconds
        pause = threading.Event()
        while not kept.program.is_ready():
            code = kept.child.exit_code()
            if code is not None:
                raise StartError(f"{kept.program.name} ended with {code}; {_tail(kept)}")
            if time.monotonic() > deadline:
                raise StartError(f"{kept.program.name} is not ready; {_tail(kept)}")
            pause.wait(0.03)

    def _is_paused(self, name: str) -> bool:
        try:
            listed = (self._home.folder / PAUSE_FILE).read_text(encoding="utf-8").split()
        except FileNotFoundError:
            return False
        return not listed or name in listed


def _tail(kept: _Kept) -> str:
    return f"the end of {kept.log}:\n{kept.child.last_lines()}"
