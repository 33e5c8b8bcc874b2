"""Outgoing HTTP: named connectors with timeouts, a deadline, a retry budget, a breaker and service tokens."""

from waybill_common.sessions.answers import read_object
from waybill_common.sessions.breaker import Breaker, BreakerOptions, BreakerState
from waybill_common.sessions.connector import Connector
from waybill_common.sessions.deadline import (
    DEADLINE_HEADER,
    deadline_scope,
    read_deadline,
    remaining_seconds,
    write_deadline,
)
from waybill_common.sessions.errors import (
    CircuitOpenError,
    PeerAnswerError,
    PeerError,
    PeerTimeoutError,
    PeerUnavailableError,
)
from waybill_common.sessions.metrics import ConnectorMetrics
from waybill_common.sessions.options import ConnectorOptions, OutgoingCall, TokenSource

__all__ = [
    "DEADLINE_HEADER",
    "Breaker",
    "BreakerOptions",
    "BreakerState",
    "CircuitOpenError",
    "Connector",
    "ConnectorMetrics",
    "ConnectorOptions",
    "OutgoingCall",
    "PeerAnswerError",
    "PeerError",
    "PeerTimeoutError",
    "PeerUnavailableError",
    "TokenSource",
    "deadline_scope",
    "read_deadline",
    "read_object",
    "remaining_seconds",
    "write_deadline",
]
