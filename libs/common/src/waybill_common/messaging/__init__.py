"""Facts between services: event log, outbox, broker, inbox and dead letters."""

from waybill_common.messaging.broker import Broker
from waybill_common.messaging.brokers import connect_broker
from waybill_common.messaging.consumer import ConsumerRunner
from waybill_common.messaging.dead_letters import DeadLetters
from waybill_common.messaging.drainer import DeadLetterDrainer
from waybill_common.messaging.errors import EventTooLargeError, PermanentMessageError, TransientMessageError
from waybill_common.messaging.events import IncomingEvent, NewEvent, append_events, event_context, event_record
from waybill_common.messaging.handling import EventHandler, EventRouter, Handling
from waybill_common.messaging.inbox import Inbox, prune_inbox
from waybill_common.messaging.metrics import ConsumerMetrics, RelayMetrics
from waybill_common.messaging.processes import Consumer, ConsumerParts, make_relay, run_consumer, run_relay
from waybill_common.messaging.relay import Relay, RelayOptions
from waybill_common.messaging.settling import ConsumerOptions
from waybill_common.messaging.topology import is_bound

__all__ = [
    "Broker",
    "Consumer",
    "ConsumerMetrics",
    "ConsumerOptions",
    "ConsumerParts",
    "ConsumerRunner",
    "DeadLetterDrainer",
    "DeadLetters",
    "EventHandler",
    "EventRouter",
    "EventTooLargeError",
    "Handling",
    "Inbox",
    "IncomingEvent",
    "NewEvent",
    "PermanentMessageError",
    "Relay",
    "RelayMetrics",
    "RelayOptions",
    "TransientMessageError",
    "append_events",
    "connect_broker",
    "event_context",
    "event_record",
    "is_bound",
    "make_relay",
    "prune_inbox",
    "run_consumer",
    "run_relay",
]
