"""What a handler says about an event, and the choice of a handler by event type."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import Enum

from waybill_common.messaging.events import IncomingEvent


class Handling(Enum):
    """What became of an event; all three are acknowledged, and counted apart."""

    HANDLED = "ack"
    DUPLICATE = "duplicate"  # the inbox had it
    IGNORED = "ignored"  # a type this reader has no use for


EventHandler = Callable[[IncomingEvent], Handling | None]
"""Handles one event in one transaction; None means handled."""


class EventRouter:
    """A handler made of one handler per type: a type that none was given for is ignored (the tolerant reader)."""

    def __init__(self, handlers: Mapping[str, EventHandler]) -> None:
        self._handlers = dict(handlers)

    def __call__(self, event: IncomingEvent) -> Handling | None:
        """Hand the event to the handler of its type."""
        handler = self._handlers.get(event.type)
        return Handling.IGNORED if handler is None else handler(event)
