"""One child process: how it is described, started, watched and ended."""

from __future__ import annotations

import contextlib
import os
import pwd
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

_LAUNCH = str(Path(__file__).with_name("launch.py"))


@dataclass(frozen=True, kw_only=True)
class Program:
    """What to run, and how the platform speaks of it.

    `role` is one of those of `.waybill/processes.json`, empty for a helper that is not listed; `user` is the system
    user to run as (None: the current one); `is_ready` tells whether it can do its work; `prepare` runs before each
    start.
    """

    name: str
    role: str
    command: Sequence[str]
    environment: Mapping[str, str]
    service: str = ""
    port: int = 0
    admin_port: int = 0
    user: str | None = None
    stop_signal: signal.Signals = signal.SIGTERM
    stop_grace_seconds: float = 20.0
    start_deadline_seconds: float = 180.0
    is_ready: Callable[[], bool] = field(default=lambda: True)
    prepare: Callable[[], None] = field(default=lambda: None)


class Child:
    """A running `Program`; its output goes to a log file, and it is told to stop when this process ends."""

    def __init__(self, program: Program, log: Path) -> None:
        """Start it, from the main thread (see `servers/launch.py`); raises OSError when it cannot be executed."""
        self.program = program
        self.log = log
        program.prepare()
        with log.open("ab") as output:
            self._process = subprocess.Popen(  # noqa: S603 - programs of the platform
                launched(program.command, program.user, program.stop_signal),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env=dict(program.environment),
                start_new_session=True,  # Ctrl-C in the terminal reaches only us, and we stop things in order
            )

    @property
    def pid(self) -> int:
        """Process id; the launcher becomes the program, so it is the program's own."""
        return self._process.pid

    def exit_code(self) -> int | None:
        """None while it runs, else its exit code, negative for a signal."""
        return self._process.poll()

    def ask_to_stop(self) -> None:
        """Send its stop signal, and let it go on first when it is stopped (SIGSTOP)."""
        if self._process.poll() is None:
            self._process.send_signal(self.program.stop_signal)
            self._process.send_signal(signal.SIGCONT)

    def wait_until_stopped(self, within_seconds: float) -> bool:
        """Wait for its end; after `within_seconds` kill it with all it started. False when it had to be killed."""
        try:
            self._process.wait(within_seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            return False
        return True

    def kill(self) -> None:
        """SIGKILL to its whole process group, and wait."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def last_lines(self, count: int = 12) -> str:
        """The end of its log, for an error message."""
        text = self.log.read_text(encoding="utf-8", errors="replace")
        return "\n".join(text.splitlines()[-count:])


def launched(command: Sequence[str], user: str | None, end: signal.Signals = signal.SIGTERM) -> list[str]:
    """The command line that runs `command` as `user` (None: the current one) and sends it `end` when we end."""
    entry = pwd.getpwnam(user) if user else None
    ids = [str(entry.pw_uid), str(entry.pw_gid)] if entry else ["-1", "-1"]
    return [sys.executable, "-I", "-S", _LAUNCH, str(os.getpid()), str(int(end)), *ids, *command]
