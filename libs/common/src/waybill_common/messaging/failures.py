"""What a failure while handling a message means, and so what has to happen next."""

from __future__ import annotations

from enum import Enum

from pydantic import ValidationError

from waybill_common.database import is_transient, is_unavailable
from waybill_common.messaging.broker import BrokerError
from waybill_common.messaging.errors import PermanentMessageError, TransientMessageError
from waybill_common.sessions import PeerError


class Failure(Enum):
    """The four kinds of failure a process survives."""

    INFRASTRUCTURE = "infrastructure"  # not the message's fault: hold it and wait, count nothing
    TRANSIENT = "transient"  # this message, now: again in place, then the ladder
    PERMANENT = "permanent"  # this message, ever: the dead letters
    UNKNOWN = "unknown"  # a bug: as transient, but one rung only


def classify(error: Exception) -> Failure:
    """Tell what `error`, raised by a handler, means for its message."""
    if isinstance(error, PermanentMessageError | ValidationError):
        return Failure.PERMANENT
    if isinstance(error, TransientMessageError | PeerError) or is_transient(error):
        return Failure.TRANSIENT
    if isinstance(error, BrokerError) or is_unavailable(error):
        return Failure.INFRASTRUCTURE
    return Failure.UNKNOWN


def reason_of(error: Exception, failure: Failure) -> str:
    """The stable code under which a message with this last error is filed as dead."""
    if isinstance(error, PermanentMessageError):
        return error.reason
    return {
        Failure.PERMANENT: "invalid_data",
        Failure.TRANSIENT: "retries_exhausted",
        Failure.UNKNOWN: "handler_failed",
        Failure.INFRASTRUCTURE: "infrastructure",
    }[failure]
