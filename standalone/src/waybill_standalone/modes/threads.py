"""Keeps the loops of relays, consumers and workers running in threads, as the supervisor keeps processes."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from waybill_common.telemetry import get_logger

from waybill_standalone.processes.backoff import Backoff

Loop = Callable[[threading.Event], None]
_log = get_logger(__name__)


class LoopKeeper:
    """Runs each loop in a thread of its own until `stop`; one that ends or breaks before is begun again."""

    def __init__(self) -> None:
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []

    def start(self, name: str, loop: Loop) -> None:
        """Run `loop(stop)` from now on."""
        thread = threading.Thread(target=self._keep, args=(name, loop), name=name, daemon=True)
        self._threads.append(thread)
        thread.start()

    def stop(self, within_seconds: float = 30.0) -> None:
        """Ask all loops to end and wait for them; one that does not is left behind and named in the log."""
        self._stop.set()
        deadline = time.monotonic() + within_seconds
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))
            if thread.is_alive():
                _log.warning("loop_left_behind", name=thread.name)

    def _keep(self, name: str, loop: Loop) -> None:
        backoff = Backoff()
        while not self._stop.is_set():
            started = time.monotonic()
            try:
                loop(self._stop)
            except Exception:  # noqa: BLE001 - a process would have died and been restarted; so is its loop
                _log.exception("loop_broke", name=name)
            if self._stop.is_set():
                return
            now = time.monotonic()
            due = backoff.died(now, now - started)
            _log.warning("loop_restarts", name=name, in_seconds=round(due - now, 2))
            self._stop.wait(due - now)
