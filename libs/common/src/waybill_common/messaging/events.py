"""Events as this platform writes and reads them: appended with the effect, carried as CloudEvents 1.0 JSON."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

import orjson
import sqlalchemy as sa

from waybill_common.clock import parse_rfc3339
from waybill_common.database import sqlstate
from waybill_common.ids import uuid7_text
from waybill_common.messaging.broker import Message
from waybill_common.messaging.errors import EventTooLargeError, PermanentMessageError
from waybill_common.messaging.schema import MAX_EVENT_BYTES
from waybill_common.messaging.topology import is_bound
from waybill_common.telemetry import current_request_id, current_traceparent, current_tracestate

_TOO_LARGE = "54000"  # what SQL `append_event` raises
_DATASCHEMA = re.compile(r"[:.]v([1-9][0-9]{0,3})(?:/schema\.json)?$")
_SEQUENCE = re.compile(r"^[1-9][0-9]{0,17}$")
_causation_id: ContextVar[str | None] = ContextVar("causation_id", default=None)

# One round trip and one function for any number of events; the array keeps their order.
_APPEND = sa.text(
    """
    SELECT append_event(e.id, e.type, e.subject, e.sequence, e.actor, e.data,
                        CAST(:context AS jsonb), e.publish, e.schema_version)
    FROM jsonb_to_recordset(CAST(:events AS jsonb)) AS e(
        id uuid, type text, subject text, sequence integer, actor text, data jsonb,
        publish boolean, schema_version smallint)
    """
)


@dataclass(frozen=True, slots=True)
class NewEvent:
    """A fact to be appended: `type` is `<producer>.<noun>.<past participle>`, `data` the snapshot at this version.

    `sequence` is the subject's version after the change (1, 2, 3 …) where the subject counts its changes.
    """

    type: str
    subject: str
    data: Mapping[str, Any]
    sequence: int | None = None
    actor: str | None = None
    schema_version: int = 1
    id: str = field(default_factory=uuid7_text)


class LoggedEvent(NamedTuple):
    """A row of the event log as the relay reads it: `time` in RFC 3339, `data` the JSON text PostgreSQL keeps.

    A tuple of texts, because the relay makes thousands a second: a frozen dataclass with a datetime costs as much as
    the rest of the envelope.
    """

    id: str
    type: str
    schema_version: int
    subject: str
    sequence: int | None
    time: str
    epoch_seconds: int
    data: str
    correlation_id: str | None = None
    causation_id: str | None = None
    traceparent: str | None = None
    tracestate: str | None = None


@dataclass(frozen=True, slots=True)
class IncomingEvent:
    """An event from another service; only its envelope has been checked, `data` is for the reader to judge."""

    id: str
    type: str
    source: str
    subject: str
    sequence: int | None
    time: datetime
    data: dict[str, Any]
    traceparent: str | None = None
    correlation_id: str | None = None
    causation_id: str | None = None
    schema_version: int = 1
    tracestate: str | None = None


def append_events(connection: sa.Connection, events: Sequence[NewEvent], *, publishes: bool = True) -> None:
    """Write `events` to the log, and to the outbox those some queue is bound for; one statement, in your transaction.

    Call it while the lock on the subject's row is held, so that positions follow commits; then ring CHANNEL_OUTBOX.
    `publishes=False` is for a service that has no relay. Raises EventTooLargeError; the transaction is aborted then.
    """
    if not events:
        return
    parameters = {
        "events": orjson.dumps([event_record(event, publishes=publishes) for event in events]).decode(),
        "context": orjson.dumps(event_context()).decode(),
    }
    try:
        connection.execute(_APPEND, parameters)
    except sa.exc.DBAPIError as error:
        if sqlstate(error) == _TOO_LARGE:
            raise EventTooLargeError(str(error.orig)) from error
        raise


def event_record(event: NewEvent, *, publishes: bool = True) -> dict[str, Any]:
    """Return the arguments of SQL `append_event` for `event`, for a caller that hands them to a function of its own."""
    return {
        "id": event.id,
        "type": event.type,
        "subject": event.subject,
        "sequence": event.sequence,
        "actor": event.actor,
        "data": dict(event.data),
        "publish": publishes and is_bound(event.type),
        "schema_version": event.schema_version,
    }


def event_context() -> dict[str, str | None]:
    """Return what made the events of this moment: request, causing message and span (the context of `append_event`)."""
    return {
        "correlation_id": current_request_id(),
        "causation_id": _causation_id.get(),
        "traceparent": current_traceparent(),
        "tracestate": current_tracestate(),
    }


@contextmanager
def caused_by(event_id: str) -> Iterator[None]:
    """Mark events appended inside the block as caused by the event `event_id`."""
    token = _causation_id.set(event_id)
    try:
        yield
    finally:
        _causation_id.reset(token)


def build_envelope(event: LoggedEvent) -> bytes:
    """Return the CloudEvents 1.0 structured JSON of a logged event; raises EventTooLargeError above 64 KiB.

    `data` is passed through as text: parsed and written again, a number beyond 64 bits would not be the same.
    """
    envelope: dict[str, Any] = {
        "specversion": "1.0",
        "id": event.id,
        "source": f"/waybill/{event.type.partition('.')[0]}",
        "type": event.type,
        "subject": event.subject,
        "time": event.time,
        "datacontenttype": "application/json",
        "dataschema": f"urn:waybill:event:{event.type}:v{event.schema_version}",
    }
    if event.sequence is not None:
        envelope["sequence"] = str(event.sequence)  # CloudEvents' sequence extension is a string
    for name, value in (
        ("correlationid", event.correlation_id),
        ("causationid", event.causation_id),
        ("traceparent", event.traceparent),
        ("tracestate", event.tracestate),
    ):
        if value is not None:
            envelope[name] = value
    envelope["data"] = orjson.Fragment(event.data)
    body = orjson.dumps(envelope)
    if len(body) > MAX_EVENT_BYTES:
        raise EventTooLargeError(
            f"event {event.type} of {event.subject} has {len(body)} bytes, at most {MAX_EVENT_BYTES} may travel"
        )
    return body


def build_message(event: LoggedEvent) -> Message:
    """Return the message that carries a logged event.

    Raises EventTooLargeError, and ValueError for a type that no routing key can hold (AMQP 0-9-1: 255 bytes).
    """
    if not 0 < len(event.type.encode()) <= 255:
        raise ValueError(
            f"event {event.id} has a type of {len(event.type.encode())} bytes; a routing key holds 1 to 255"
        )
    headers = {"traceparent": event.traceparent} if event.traceparent else {}
    if event.tracestate:
        headers["tracestate"] = event.tracestate
    return Message(
        routing_key=event.type,
        body=build_envelope(event),
        message_id=event.id,
        headers=headers,
        type=event.type,
        timestamp=event.epoch_seconds,
        app_id=event.type.partition(".")[0],
    )


def parse_event(message: Message, *, versions: Collection[int] = (1,)) -> IncomingEvent:
    """Read an envelope, ignoring what it does not know.

    Raises PermanentMessageError with reason `too_large`, `invalid_json`, `invalid_envelope`, or
    `unsupported_version` when the schema's major version is none of `versions`.
    """
    if len(message.body) > MAX_EVENT_BYTES:
        raise PermanentMessageError("too_large", f"{len(message.body)} bytes, at most {MAX_EVENT_BYTES} may travel")
    try:
        envelope = orjson.loads(message.body)
    except orjson.JSONDecodeError as error:
        raise PermanentMessageError("invalid_json", str(error)) from error
    if not isinstance(envelope, dict) or envelope.get("specversion") != "1.0":
        raise PermanentMessageError("invalid_envelope", "not a CloudEvents 1.0 object")
    version = _schema_version(envelope)
    if version not in versions:
        raise PermanentMessageError(
            "unsupported_version", f"{envelope.get('type')} is v{version}, known are {versions}"
        )
    return IncomingEvent(
        id=_text(envelope, "id"),
        type=_text(envelope, "type"),
        source=_text(envelope, "source"),
        subject=_text(envelope, "subject"),
        sequence=_sequence(envelope),
        time=_time(envelope),
        data=_data(envelope),
        traceparent=_optional_text(envelope, "traceparent"),
        correlation_id=_optional_text(envelope, "correlationid"),
        causation_id=_optional_text(envelope, "causationid"),
        schema_version=version,
        tracestate=_tracestate(envelope),
    )


def _invalid(member: str, wanted: str) -> PermanentMessageError:
    return PermanentMessageError("invalid_envelope", f"`{member}` must be {wanted}")


def _text(envelope: Mapping[str, Any], member: str) -> str:
    value = envelope.get(member)
    if not isinstance(value, str) or not 0 < len(value) <= 255:
        raise _invalid(member, "a text of 1 to 255 characters")
    return value


def _optional_text(envelope: Mapping[str, Any], member: str) -> str | None:
    return None if envelope.get(member) is None else _text(envelope, member)


def _tracestate(envelope: Mapping[str, Any]) -> str | None:
    """What vendors added to the trace: no reason to refuse an event, whatever it is."""
    value = envelope.get("tracestate")
    return value if isinstance(value, str) else None


def _schema_version(envelope: Mapping[str, Any]) -> int:
    schema = envelope.get("dataschema")
    found = _DATASCHEMA.search(schema) if isinstance(schema, str) else None
    if found is None:
        raise _invalid("dataschema", "a URI that ends with the major version, as in urn:waybill:event:<type>:v1")
    return int(found[1])


def _sequence(envelope: Mapping[str, Any]) -> int | None:
    value = envelope.get("sequence")
    if value is None:
        return None
    if not isinstance(value, str) or not _SEQUENCE.match(value):
        raise _invalid("sequence", "a positive whole number written as text")
    return int(value)


def _time(envelope: Mapping[str, Any]) -> datetime:
    try:
        return parse_rfc3339(_text(envelope, "time"))
    except ValueError as error:
        raise _invalid("time", "an RFC 3339 time with its zone") from error


def _data(envelope: Mapping[str, Any]) -> dict[str, Any]:
    value = envelope.get("data")
    if not isinstance(value, dict):
        raise _invalid("data", "an object")
    return value
