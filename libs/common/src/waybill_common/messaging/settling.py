"""Brings one delivery to its end: handled, or copied to the ladder or the dead letters; then it may be acked."""

from __future__ import annotations

from contextlib import ExitStack, closing
from dataclasses import dataclass

from waybill_common.messaging.backoff import Backoff
from waybill_common.messaging.broker import BrokerError, Delivery, Outgoing
from waybill_common.messaging.copier import Copier
from waybill_common.messaging.copies import attempts_of, dead_letter_copy, retry_copy
from waybill_common.messaging.errors import PermanentMessageError
from waybill_common.messaging.events import IncomingEvent, caused_by, parse_event
from waybill_common.messaging.failures import Failure, classify, reason_of
from waybill_common.messaging.handling import EventHandler, Handling
from waybill_common.messaging.metrics import ConsumerMetrics
from waybill_common.messaging.pause import Line, Pause
from waybill_common.messaging.spans import process_span
from waybill_common.messaging.topology import WAYBILL_TOPOLOGY, Topology
from waybill_common.telemetry import get_logger, parent_or_link, use_context

_log = get_logger(__name__)


@dataclass(frozen=True, kw_only=True)
class ConsumerOptions:
    """Sizes and waits of a consumer, in messages and seconds."""

    threads: int = 2
    prefetch: int = 20
    first_prefetch: int = 1  # of a new line, until its first message is settled
    tries_in_place: int = 3
    in_place_first_seconds: float = 0.05
    in_place_most_seconds: float = 0.5
    pause_first_seconds: float = 0.2
    pause_most_seconds: float = 10.0
    longest_pause_seconds: float = 900.0  # half of the broker's own limit for a held message
    poll_seconds: float = 1.0
    drain_seconds: float = 20.0
    topology: Topology = WAYBILL_TOPOLOGY


class Settler:
    """Settles the deliveries of one line, one after the other."""

    def __init__(
        self, queue: str, handler: EventHandler, copier: Copier, metrics: ConsumerMetrics, options: ConsumerOptions
    ) -> None:
        self._queue = queue
        self._handler = handler
        self._copier = copier
        self._metrics = metrics
        self._options = options

    def settle(self, line: Line, delivery: Delivery) -> str:
        """Return the outcome once the delivery may be acknowledged: its effect or its copy is safe.

        Raises LetGoError or BrokerUnavailableError when it is not: then it must come again.
        """
        try:
            event = parse_event(delivery.message)
        except PermanentMessageError as error:
            return self._give_up(line, delivery, error, Failure.PERMANENT)
        with closing(self._new_pause(line)) as pause:
            return self._handle_patiently(line, delivery, event, pause)

    def _handle_patiently(self, line: Line, delivery: Delivery, event: IncomingEvent, pause: Pause) -> str:
        in_place = Backoff(self._options.in_place_first_seconds, self._options.in_place_most_seconds)
        tries = 0
        while True:
            try:
                return self._handle(event)
            except Exception as error:  # noqa: BLE001 - whatever a handler raises must settle its message, never the loop
                failure = classify(error)
                if failure is Failure.UNKNOWN:
                    _log.exception("handler_failed", queue=self._queue, message_id=event.id, type=event.type)
                if failure is Failure.INFRASTRUCTURE:
                    _log.warning("consumer_holds", queue=self._queue, message_id=event.id, error=str(error).strip())
                    pause.wait()
                    continue
                tries += 1
                if failure is Failure.PERMANENT or tries >= self._options.tries_in_place:
                    return self._give_up(line, delivery, error, failure)
                line.wait(in_place.next_seconds())

    def _handle(self, event: IncomingEvent) -> str:
        """Run the handler inside the context of its event.

        A young event continues its trace; an old one (an outage, a replay) starts its own and names the other.
        """
        parent, link = parent_or_link(event.traceparent, event.time)
        ids = {"message_id": event.id, "event_type": event.type, "queue": self._queue}
        if link is not None:
            ids["linked_traceparent"] = link
        with ExitStack() as context:
            context.enter_context(
                use_context(
                    request_id=event.correlation_id or event.id,
                    traceparent=parent,
                    tracestate=event.tracestate,
                    span=process_span(self._copier.system, self._queue, event, link),
                    **ids,
                )
            )
            context.enter_context(caused_by(event.id))
            context.enter_context(self._metrics.process_seconds.labels(self._queue).time())
            handling = self._handler(event) or Handling.HANDLED
        if handling is Handling.DUPLICATE:
            self._metrics.duplicates.inc()
        return handling.value

    def _give_up(self, line: Line, delivery: Delivery, error: Exception, failure: Failure) -> str:
        """Copy the message to the next rung, or to the dead letters when there is none for it."""
        message = delivery.message
        may_climb = failure is Failure.TRANSIENT or (failure is Failure.UNKNOWN and attempts_of(message) == 0)
        copy = retry_copy(self._queue, message, error) if may_climb else None
        if copy is not None:
            self._copy(line, copy)
            _log.warning("message_retried", rung=copy.routing_key, message_id=message.message_id, error=str(error))
            return "retry"
        reason = reason_of(error, failure)
        self._copy(line, dead_letter_copy(self._queue, message, reason, error))
        _log.error("message_dead", queue=self._queue, message_id=message.message_id, reason=reason, error=str(error))
        return "dead_letter"

    def _copy(self, line: Line, copy: Outgoing) -> None:
        with closing(self._new_pause(line)) as pause:
            while True:
                try:
                    return self._copier.publish(copy)
                except BrokerError as error:
                    _log.warning("copy_failed", target=copy.routing_key, error=str(error))
                pause.wait()

    def _new_pause(self, line: Line) -> Pause:
        options = self._options
        backoff = Backoff(options.pause_first_seconds, options.pause_most_seconds)
        return Pause(line, backoff, options.longest_pause_seconds, self._metrics.paused.labels(self._queue))
