"""Reads one queue in several threads and hands each event to a handler, which commits inbox and effect together."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from waybill_common.messaging.broker import Broker
from waybill_common.messaging.consumer_thread import ConsumerThread
from waybill_common.messaging.handling import EventHandler
from waybill_common.messaging.metrics import ConsumerMetrics
from waybill_common.messaging.settling import ConsumerOptions
from waybill_common.telemetry import get_logger

_log = get_logger(__name__)


class ConsumerRunner:
    """The consumer of one queue.

    `handler` must be bounded (statements of 5 s, calls of 10 s: the heartbeat waits meanwhile) and must take the inbox
    row in the transaction of its effect, since every message may come twice. `probe` raises while the database is
    away; it is asked before a lost line is taken up again, because each new line counts as a delivery.
    """

    def __init__(  # noqa: PLR0913 - the parts of one consumer, three of them optional
        self,
        broker: Broker,
        queue: str,
        handler: EventHandler,
        *,
        metrics: ConsumerMetrics,
        probe: Callable[[], None] = lambda: None,
        options: ConsumerOptions | None = None,
    ) -> None:
        self._options = options or ConsumerOptions()
        self._queue = queue
        self._threads = [
            ConsumerThread(broker, queue, handler, metrics, probe, self._options) for _ in range(self._options.threads)
        ]

    def check_live(self) -> str | None:
        """A reason when a loop has not turned for three heartbeats; an absent broker is none."""
        return next((reason for thread in self._threads if (reason := thread.tick.check())), None)

    def check_ready(self) -> str | None:
        """A reason while no thread has a subscription."""
        return None if any(thread.is_subscribed for thread in self._threads) else f"not subscribed to {self._queue}"

    def run(self, stop: threading.Event) -> None:
        """Consume until `stop`; then what is in hand is committed and acknowledged, and the rest goes back.

        A handler that does not end within the drain time is left to die with the process, which cuts its socket:
        a polite close from here would reorder the queue.
        """
        threads = [
            threading.Thread(target=thread.run, args=(stop,), name=f"{self._queue}-{number}", daemon=True)
            for number, thread in enumerate(self._threads)
        ]
        for running in threads:
            running.start()
        stop.wait()
        deadline = time.monotonic() + self._options.drain_seconds
        for running in threads:
            running.join(max(0.0, deadline - time.monotonic()))
        if left := [running.name for running in threads if running.is_alive()]:
            _log.error("consumer_cut_short", threads=left)
