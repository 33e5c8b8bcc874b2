"""One thread of a consumer: its own connection, taken up again for ever, and drained in order at the end."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import closing

from waybill_common.health import Tick
from waybill_common.messaging.backoff import Backoff
from waybill_common.messaging.broker import Broker, BrokerError, Delivery
from waybill_common.messaging.copier import Copier
from waybill_common.messaging.failures import Failure, classify
from waybill_common.messaging.handling import EventHandler
from waybill_common.messaging.metrics import ConsumerMetrics
from waybill_common.messaging.pause import LetGoError, Line
from waybill_common.messaging.settling import ConsumerOptions, Settler
from waybill_common.telemetry import fault_point, get_logger

_log = get_logger(__name__)
_LOG_EVERY_SECONDS = 60.0


class ConsumerThread:
    """Receives and settles one message after the other, and acknowledges by the handful."""

    def __init__(  # noqa: PLR0913, PLR0917 - the parts of one thread, handed through by its runner
        self,
        broker: Broker,
        queue: str,
        handler: EventHandler,
        metrics: ConsumerMetrics,
        probe: Callable[[], None],
        options: ConsumerOptions,
    ) -> None:
        self._broker = broker
        self._queue = queue
        self._metrics = metrics
        self._probe = probe
        self._options = options
        self._copier = Copier(broker, options.topology)
        self._settler = Settler(queue, handler, self._copier, metrics, options)
        self._inflight = metrics.inflight.labels(queue)
        self._redelivered = metrics.redelivered.labels(queue)
        self._last_success = metrics.last_success.labels(queue)
        self._backoff = Backoff(options.pause_first_seconds, options.pause_most_seconds)
        self._next_log = 0.0
        self.is_subscribed = False
        self.tick = Tick(limit_seconds=90.0)

    def run(self, stop: threading.Event) -> None:
        """Consume until `stop`, whatever breaks on the way."""
        with closing(self._copier):
            while not stop.is_set():
                self.tick.touch()
                try:
                    self._probe()
                    self._broker.declare(self._options.topology)
                    self._consume(stop)
                except LetGoError:
                    _log.info("consumer_let_go", queue=self._queue, stopping=stop.is_set())
                except Exception as error:  # noqa: BLE001 - the thread must outlive any fault; it is logged and paced
                    self._note(error)
                    stop.wait(self._backoff.next_seconds())
                finally:
                    self.is_subscribed = False

    def _consume(self, stop: threading.Event) -> None:
        """Read the first message of a new line alone, the others in bulk.

        A message that kills its process takes down what was handed out with it, and each time counts as a delivery of
        all of them. Alone at the head of the queue it reaches the delivery limit without its neighbours.
        """
        self._read(self._options.first_prefetch, stop, only_first=True)
        self._read(self._options.prefetch, stop)

    def _read(self, prefetch: int, stop: threading.Event, *, only_first: bool = False) -> None:
        with closing(self._broker.subscribe(self._queue, prefetch)) as subscription:
            line = Line(subscription, stop, self.tick)
            self.is_subscribed = True
            while not stop.is_set():
                deliveries = subscription.receive(prefetch, self._options.poll_seconds)
                self.tick.touch()
                self._backoff.reset()
                self._copier.rest()
                self._work_off(line, deliveries, only_first=only_first)
                if only_first and deliveries:
                    return

    def _work_off(self, line: Line, deliveries: list[Delivery], *, only_first: bool) -> None:
        self._inflight.inc(len(deliveries))
        begun = 0
        try:
            for delivery in deliveries[:1] if only_first else deliveries:
                if line.stop.is_set():
                    break  # not begun: it goes back
                self._settle(line, delivery)
                begun += 1
                self._inflight.dec()
                line.keep()
            if only_first and deliveries:
                line.subscription.cancel()  # before the acknowledgement, which would make room for another
            line.acknowledge()
        finally:
            self._inflight.dec(len(deliveries) - begun)

    def _settle(self, line: Line, delivery: Delivery) -> None:
        if delivery.redelivered:
            self._redelivered.inc()
        outcome = self._settler.settle(line, delivery)
        fault_point("consumer.after_commit")
        line.settled(delivery)
        self._metrics.consumed.labels(self._queue, outcome).inc()
        self._last_success.set_to_current_time()

    def _note(self, error: Exception) -> None:
        """Say once a minute that the line is down, and at once when it is a fault of ours."""
        expected = isinstance(error, BrokerError) or classify(error) is Failure.INFRASTRUCTURE
        if not expected:
            _log.error("consumer_broke", queue=self._queue, exc_info=error)
        elif time.monotonic() >= self._next_log:
            self._next_log = time.monotonic() + _LOG_EVERY_SECONDS
            _log.warning("consumer_line_down", queue=self._queue, error=str(error).strip())
