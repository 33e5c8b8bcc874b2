"""The line that a consumer reads: acknowledgements by the handful, and waiting while messages are held."""

from __future__ import annotations

import threading
import time

from prometheus_client import Gauge

from waybill_common.health import Tick
from waybill_common.messaging.backoff import Backoff
from waybill_common.messaging.broker import Delivery, Subscription

_SLICE_SECONDS = 1.0
_HANDFUL = 10  # half of what may be under way, so that the broker refills while the other half is worked off


class LetGoError(Exception):
    """Stop holding: what is not acknowledged goes back to the queue."""


class Line:
    """A subscription with the loop around it: what is to be acknowledged, and what to keep alive in a wait.

    Deliveries are acknowledged ten at a time, `multiple`, and whatever is settled at once before any wait: one frame
    for each costs a tenth of the rate. Those between commit and acknowledgement come again after a crash, and the
    inbox knows them.
    """

    def __init__(self, subscription: Subscription, stop: threading.Event, tick: Tick) -> None:
        self.subscription = subscription
        self.stop = stop
        self._tick = tick
        self._kept_at = time.monotonic()
        self._settled: list[Delivery] = []

    def settled(self, delivery: Delivery) -> None:
        """Note that the effect of the next delivery is safe; raises BrokerUnavailableError."""
        self._settled.append(delivery)
        if len(self._settled) >= _HANDFUL:
            self.acknowledge()

    def acknowledge(self) -> None:
        """Acknowledge all that is settled; raises BrokerUnavailableError.

        When it was told to stop it cancels first: an acknowledgement makes room, and what the broker sent into it
        would come back out of order.
        """
        if not self._settled:
            return
        if self.stop.is_set():
            self.subscription.cancel()
        last = self._settled[-1]
        self._settled.clear()
        self.subscription.ack(last, multiple=True)

    def keep(self) -> None:
        """Answer heartbeats when a second has passed; raises BrokerUnavailableError."""
        if time.monotonic() - self._kept_at >= _SLICE_SECONDS:
            self._keep_now()

    def wait(self, seconds: float) -> None:
        """Wait and stay alive; raises LetGoError when told to stop, BrokerUnavailableError when the line is lost."""
        self.acknowledge()
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            if self.stop.wait(min(left, _SLICE_SECONDS)):
                raise LetGoError
            self._keep_now()

    def _keep_now(self) -> None:
        self._tick.touch()
        self.acknowledge()
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
