"""Moves dead letters from the broker into the database, and replays from there what a person asked for."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from waybill_common.clock import parse_rfc3339
from waybill_common.database import is_transient, is_unavailable
from waybill_common.health import Tick
from waybill_common.messaging.backoff import Backoff
from waybill_common.messaging.broker import Broker, BrokerError, Delivery, Message, Subscription
from waybill_common.messaging.copier import Copier
from waybill_common.messaging.copies import (
    ERROR,
    FIRST_FAILED_AT,
    REASON,
    deserves_another_round,
    filed_headers,
    last_death,
    replay_copy,
)
from waybill_common.messaging.dead_letters import DeadLetter, DeadLetters, NewLetter
from waybill_common.messaging.metrics import ConsumerMetrics
from waybill_common.messaging.pause import LetGoError, Line, Pause
from waybill_common.messaging.topology import WAYBILL_TOPOLOGY, Topology, dead_letter_queue
from waybill_common.telemetry import get_logger

_log = get_logger(__name__)


@dataclass(frozen=True, kw_only=True)
class DrainerOptions:
    """Sizes in letters, waits in seconds."""

    prefetch: int = 20
    poll_seconds: float = 1.0
    count_every_seconds: float = 5.0
    pause_first_seconds: float = 0.2
    pause_most_seconds: float = 10.0
    longest_pause_seconds: float = 900.0
    topology: Topology = WAYBILL_TOPOLOGY


class DeadLetterDrainer:
    """Beside the consumer of `queue`, in the same process: one thread, its own connections."""

    def __init__(
        self,
        broker: Broker,
        engine: sa.Engine,
        queue: str,
        metrics: ConsumerMetrics,
        options: DrainerOptions | None = None,
    ) -> None:
        self._broker = broker
        self._engine = engine
        self._queue = queue
        self._metrics = metrics
        self._options = options or DrainerOptions()
        self._copier = Copier(broker, self._options.topology)
        self._backoff = self._new_backoff()
        self._next_count = 0.0
        self.tick = Tick(limit_seconds=90.0)

    def run(self, stop: threading.Event) -> None:
        """Drain and replay until `stop`, whatever breaks on the way."""
        with closing(self._copier):
            while not stop.is_set():
                self.tick.touch()
                try:
                    self._broker.declare(self._options.topology)
                    self._drain(stop)
                except LetGoError:
                    _log.info("drainer_let_go", queue=self._queue)
                except Exception as error:  # noqa: BLE001 - the thread must outlive any fault; it is logged and paced
                    _log.warning("drainer_line_down", queue=self._queue, error=repr(error))
                    stop.wait(self._backoff.next_seconds())

    def _drain(self, stop: threading.Event) -> None:
        letters = dead_letter_queue(self._queue)
        with closing(self._broker.subscribe(letters, self._options.prefetch)) as subscription:
            line = Line(subscription, stop, self.tick)
            while not stop.is_set():
                deliveries = subscription.receive(self._options.prefetch, self._options.poll_seconds)
                self.tick.touch()
                self._backoff.reset()
                for delivery in deliveries:
                    self._patiently(line, lambda delivery=delivery: self._settle(delivery))  # type: ignore[misc]
                    subscription.ack(delivery)
                self._patiently(line, self._replay_requested)
                self._patiently(line, lambda: self._count(subscription))
                self._copier.rest()

    def _patiently(self, line: Line, step: Callable[[], None]) -> None:
        """Take a step, and take it again after an outage of database or broker."""
        held = self._metrics.paused.labels(dead_letter_queue(self._queue))
        with closing(Pause(line, self._new_backoff(), self._options.longest_pause_seconds, held)) as pause:
            while True:
                try:
                    return step()
                except (BrokerError, sa.exc.SQLAlchemyError) as error:
                    if not (isinstance(error, BrokerError) or is_unavailable(error) or is_transient(error)):
                        raise
                    _log.warning("drainer_holds", queue=self._queue, error=str(error).strip())
                pause.wait()

    def _settle(self, delivery: Delivery) -> None:
        message = delivery.message
        if deserves_another_round(message):
            self._copier.publish(replay_copy(self._queue, message, after_delivery_limit=True))
            self._done("requeued")
            _log.warning("letter_requeued", queue=self._queue, message_id=message.message_id)
            return
        with self._engine.begin() as connection:
            DeadLetters(connection).file(_new_letter(self._queue, message))
        self._done("filed")

    def _replay_requested(self) -> None:
        """Publish what was asked for, then say so; a crash between the two is a duplicate, which the inbox absorbs."""
        with self._engine.begin() as connection:
            letters = DeadLetters(connection)
            requested = letters.take_requested(self._queue, self._options.prefetch)
            for letter in requested:
                self._copier.publish(replay_copy(self._queue, _message(letter)))
                _log.info("letter_replayed", queue=self._queue, message_id=letter.message_id, by=letter.settled_by)
            if requested:
                letters.mark_replayed([letter.id for letter in requested])
        self._done("replayed", len(requested))

    def _count(self, subscription: Subscription) -> None:
        if time.monotonic() < self._next_count:
            return
        self._next_count = time.monotonic() + self._options.count_every_seconds
        # Over the connection that is there: one more every few seconds would be churn on the broker.
        waiting = subscription.waiting()
        with self._engine.connect() as connection:
            filed = DeadLetters(connection).open_count(self._queue)
        self._metrics.dead_letters_open.labels(self._queue).set(waiting + filed)

    def _new_backoff(self) -> Backoff:
        return Backoff(self._options.pause_first_seconds, self._options.pause_most_seconds)

    def _done(self, outcome: str, count: int = 1) -> None:
        if count:
            self._metrics.dead_letters.labels(self._queue, outcome).inc(count)


def _new_letter(queue: str, message: Message) -> NewLetter:
    headers = filed_headers(message)
    died = last_death(message)
    return NewLetter(
        queue=queue,
        message_id=message.message_id or None,
        type=message.type,
        headers=headers,
        body=message.body,
        reason=str(headers.get(REASON) or died or "unknown"),
        error=str(headers.get(ERROR) or (f"the broker gave up: {died}" if died else "no reason was given")),
        first_at=_moment(headers.get(FIRST_FAILED_AT)),
    )


def _moment(value: object) -> datetime | None:
    """A header's time; a header is anybody's text, and a letter must be filed whatever it says."""
    try:
        return parse_rfc3339(str(value))
    except ValueError:
        return None


def _message(letter: DeadLetter) -> Message:
    return Message(
        routing_key=letter.queue,
        body=letter.body,
        message_id=letter.message_id or "",
        headers=letter.headers,
        type=letter.type,
    )
