"""A platform started and stopped from Python: what the end-to-end tests, the crash suite and the benchmarks use."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

from waybill_standalone.config import inherited
from waybill_standalone.ground import READY_FILE
from waybill_standalone.ports import free_port
from waybill_standalone.processes.roster import FILE as ROSTER_FILE
from waybill_standalone.processes.roster import Entry
from waybill_standalone.processes.supervisor import PAUSE_FILE

Mode = Literal["standalone", "processes"]
_COMMANDS: Mapping[Mode, str] = {"standalone": "up", "processes": "processes"}
_SERVICES = ("AUTH", "ORDERS", "NOTIFIER")


class PlatformError(Exception):
    """The platform did not start or ended by itself; the message has its last words."""


class Platform:
    """One platform in a folder of its own, on free ports unless `env` names them; a context manager."""

    def __init__(self, folder: Path, mode: Mode = "standalone", env: Mapping[str, str] | None = None) -> None:
        """Nothing runs until `start`; `env` are further settings of the services, as `WAYBILL_…`."""
        self.folder = folder.resolve()
        self.mode = mode
        self._env = {**_free_ports(), **(env or {}), "WAYBILL_HOME": str(self.folder)}
        self._process: subprocess.Popen[bytes] | None = None
        self._facts: dict[str, Any] = {}

    def start(self, within_seconds: float = 600.0) -> Self:
        """Start and return when it is ready; raises PlatformError."""
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / READY_FILE).unlink(missing_ok=True)
        self._output.touch(mode=0o600)  # it tells the passwords of the demo accounts
        with self._output.open("ab") as output:
            self._process = subprocess.Popen(  # noqa: S603 - our own command
                [sys.executable, "-m", "waybill_standalone", _COMMANDS[self.mode]],
                env=inherited() | self._env,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            self._await_ready(self._process, within_seconds)
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self, within_seconds: float = 120.0) -> None:
        """Ask it to stop, as Ctrl-C does, and wait; it is killed after `within_seconds`."""
        if self._process is None:
            return
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
            try:
                self._process.wait(within_seconds)
            except subprocess.TimeoutExpired:
                self.kill()
        self._process = None

    def kill(self) -> None:
        """SIGKILL to the keeper alone; its children are told by the system and end by themselves."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    @property
    def pid(self) -> int:
        """The keeper: the one process of `standalone`, the supervisor of `processes`."""
        return int(self._facts["pid"])

    @property
    def urls(self) -> dict[str, str]:
        """Addresses of auth, orders, notifier, sandbox and mail."""
        return dict(self._facts["urls"])

    @property
    def accounts(self) -> dict[str, dict[str, str]]:
        """`email` and `password` of `staff` and `customer`."""
        return dict(self._facts["accounts"])

    @property
    def amqp_url(self) -> str:
        """The broker, as the services connect to it."""
        return str(self._facts["amqp_url"])

    @property
    def smtp_url(self) -> str:
        """Where mail is handed over."""
        return str(self._facts["smtp_url"])

    def is_running(self) -> bool:
        """Whether the keeper runs."""
        return self._process is not None and self._process.poll() is None

    def database_url(self, name: str) -> str:
        """The database of auth, orders, notifier or sandbox."""
        return str(self._facts["databases"][name])

    def processes(self, role: str = "", service: str = "") -> list[Entry]:
        """What runs now, of one role and one service when named."""
        entries: list[Entry] = json.loads((self.folder / ROSTER_FILE).read_text(encoding="utf-8"))
        return [
            entry
            for entry in entries
            if (not role or entry["role"] == role) and (not service or entry["service"] == service)
        ]

    def pause_restarts(self, names: Sequence[str] = ()) -> None:
        """Let dead what dies: these processes, or all."""
        (self.folder / PAUSE_FILE).write_text("\n".join(names), encoding="utf-8")

    def resume_restarts(self) -> None:
        """Start again what died meanwhile."""
        (self.folder / PAUSE_FILE).unlink(missing_ok=True)

    def output(self) -> str:
        """What the keeper wrote."""
        return self._output.read_text(encoding="utf-8", errors="replace")

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def _output(self) -> Path:
        return self.folder / "output.log"

    def _await_ready(self, process: subprocess.Popen[bytes], within_seconds: float) -> None:
        deadline = time.monotonic() + within_seconds
        ready = self.folder / READY_FILE
        while not ready.exists():
            if process.poll() is not None:
                raise PlatformError(f"it ended with {process.returncode}:\n{self.output()[-3000:]}")
            if time.monotonic() > deadline:
                raise PlatformError(f"not ready within {within_seconds:.0f} s:\n{self.output()[-3000:]}")
            time.sleep(0.05)
        self._facts = json.loads(ready.read_text(encoding="utf-8"))


def _free_ports() -> dict[str, str]:
    taken: set[int] = set()

    def another(room: int) -> str:
        while (port := free_port(room)) in taken or port + room in taken:
            continue
        taken.update((port, port + room))
        return str(port)

    ports = {f"WAYBILL_{service}_WEB_PORT": another(1000) for service in _SERVICES}
    return ports | {f"WAYBILL_{name}_WEB_PORT": another(0) for name in ("SANDBOX", "MAIL")}
