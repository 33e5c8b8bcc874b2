"""Spans of messages, by OpenTelemetry's messaging conventions as they are for RabbitMQ."""

from __future__ import annotations

import time
from collections.abc import Iterable
from types import TracebackType

from waybill_common.messaging.broker import Outgoing
from waybill_common.messaging.events import IncomingEvent
from waybill_common.messaging.topology import EVENTS_EXCHANGE
from waybill_common.telemetry import NewSpan, is_sampled, is_tracing, record_root


class Publishing:
    """Records how long messages took from their sending to the confirm, each as a trace of its own with a link.

    The context that a message carries is its request's and stays so; its publishing, often of hundreds at once and
    long after, is told beside it and only where the request is sampled.
    """

    def __init__(self, system: str) -> None:
        self._system = system
        self._sent: list[tuple[int, Outgoing]] = []

    def sent(self, batch: Iterable[Outgoing]) -> None:
        """Note what was just handed to the broker."""
        if is_tracing():
            now = time.time_ns()
            self._sent += [(now, each) for each in batch if is_sampled(each.message.headers.get("traceparent"))]

    def __enter__(self) -> Publishing:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for started_ns, outgoing in self._sent:
            record_root(_publish_span(self._system, outgoing), started_ns, error)


def process_span(system: str, queue: str, event: IncomingEvent, link: str | None) -> NewSpan | None:
    """Return the span of an event in the hands of this service, None while tracing is off.

    `link` is the event's traceparent when its own trace is too old to be continued.
    """
    if not is_tracing():
        return None
    destination = f"{EVENTS_EXCHANGE}:{event.type}:{queue}"
    attributes = {
        "messaging.system": system,
        "messaging.destination.name": destination,
        "messaging.rabbitmq.destination.routing_key": event.type,
        "messaging.message.id": event.id,
        "messaging.operation.name": "process",
        "messaging.operation.type": "process",
    }
    return NewSpan(f"process {destination}", "consumer", attributes, () if link is None else (link,))


def _publish_span(system: str, outgoing: Outgoing) -> NewSpan:
    destination = f"{outgoing.exchange}:{outgoing.routing_key}"
    attributes = {
        "messaging.system": system,
        "messaging.destination.name": destination,
        "messaging.rabbitmq.destination.routing_key": outgoing.routing_key,
        "messaging.message.id": outgoing.message.message_id,
        "messaging.operation.name": "publish",
        "messaging.operation.type": "send",
    }
    links = (outgoing.message.headers["traceparent"],)
    return NewSpan(f"publish {destination}", "producer", attributes, links)
