"""Facts between services: event log, outbox, broker, inbox and dead letters."""

from waybill_common.messaging.broker import Broker, connect_broker
from waybill_common.messaging.errors import EventTooLargeError, PermanentMessageError, TransientMessageError
from waybill_common.messaging.events import IncomingEvent, NewEvent, append_events, event_context, event_record
from waybill_common.messaging.inbox import Inbox, prune_inbox
from waybill_common.messaging.topology import is_bound

__all__ = [
    "Broker",
    "EventTooLargeError",
    "Inbox",
    "IncomingEvent",
    "NewEvent",
    "PermanentMessageError",
    "TransientMessageError",
    "append_events",
    "connect_broker",
    "event_context",
    "event_record",
    "is_bound",
    "prune_inbox",
]
