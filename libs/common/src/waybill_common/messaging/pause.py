"""Waiting for database or broker while messages are held: unacknowledged, heartbeats answered, nothing counted."""

from __future__ import annotations

import threading
import time

from prometheus_client import Gauge

from waybill_common.health import Tick
from waybill_common.messaging.backoff import Backoff
from waybill_common.messaging.broker import Subscription

_SLICE_SECONDS = 1.0


class LetGoError(Exception):
    """Stop holding: what is not acknowledged goes back to the queue."""


class Line:
    """A subscription with the loop around it: everything that has to be kept alive while something is waited for."""

    def __init__(self, subscription: Subscription, stop: threading.Event, tick: Tick) -> None:
        self.subscription = subscription
        self.stop = stop
        self._tick = tick
        self._kept_at = time.monotonic()

    def keep(self) -> None:
        """Answer heartbeats when a second has passed; raises BrokerUnavailableError."""
        if time.monotonic() - self._kept_at >= _SLICE_SECONDS:
            self._keep_now()

    def wait(self, seconds: float) -> None:
        """Wait and stay alive; raises LetGoError when told to stop, BrokerUnavailableError when the line is lost."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            if self.stop.wait(min(left, _SLICE_SECONDS)):
                raise LetGoError
            self._keep_now()

    def _keep_now(self) -> None:
        self._tick.touch()
        self.subscription.tick()
        self._kept_at = time.monotonic()


class Pause:
    """One outage as seen by one line: waits longer each time, and lets go after `longest_seconds`.

    `gauge` counts the lines that are held, from the first wait until the pause is closed.
    """

    def __init__(self, line: Line, backoff: Backoff, longest_seconds: float, gauge: Gauge) -> None:
        self._line = line
        self._backoff = backoff
        self._longest = longest_seconds
        self._gauge = gauge
        self._since: float | None = None

    def wait(self) -> None:
        """Wait before the next try; raises LetGoError after `longest_seconds` or when told to stop."""
        if self._since is None:
            self._since = time.monotonic()
            self._gauge.inc()
        if time.monotonic() - self._since > self._longest:
            raise LetGoError
        self._line.wait(self._backoff.next_seconds())

    def close(self) -> None:
        """Note that the outage, if there was one, is over for this line."""
        if self._since is not None:
            self._gauge.dec()
