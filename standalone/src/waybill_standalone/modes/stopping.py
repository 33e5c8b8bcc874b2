"""SIGINT and SIGTERM: a start is given up at once, a run is stopped in order."""

from __future__ import annotations

import signal
import threading
from types import FrameType


class StopSignals:
    """`event` is set by either signal; before `started` the first one also raises KeyboardInterrupt in the main thread.

    Both, because an exception that a signal raises inside a finalizer is lost.
    """

    def __init__(self) -> None:
        """Take over both signals; call it in the main thread."""
        self.event = threading.Event()
        self._is_starting = True
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._ask)

    def started(self) -> threading.Event:
        """From now on the signals only set the event, which is returned."""
        self._is_starting = False
        return self.event

    def _ask(self, _number: int, _frame: FrameType | None) -> None:
        is_first = not self.event.is_set()
        self.event.set()
        if self._is_starting and is_first:
            raise KeyboardInterrupt
