"""What a span is to the seams that make one, and who records it; nothing here imports OpenTelemetry."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal, NamedTuple, Protocol

from waybill_common.clock import utc_now

Kind = Literal["server", "client", "producer", "consumer"]
Value = str | int | bool

_TRACEPARENT = re.compile(r"^00-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})$")
_TRACESTATE = re.compile(r"^[\x20-\x7e]{1,512}$")
_SAMPLED = 0x01
_YOUNG = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class NewSpan:
    """A span to be made, by the names of OpenTelemetry's semantic conventions; `links` are traceparents.

    Attributes never hold a query's values, an address, a token or the text of an exception.
    """

    name: str
    kind: Kind
    attributes: Mapping[str, Value] = field(default_factory=dict)
    links: Sequence[str] = ()


class Span(Protocol):
    """A span that is being recorded; OpenTelemetry's has these methods."""

    def set_attribute(self, key: str, value: Value) -> None:
        """Say more about it."""

    def update_name(self, name: str) -> None:
        """Give it the name that was not known at its start."""

    def add_event(self, name: str) -> None:
        """Mark a moment in it."""

    def end(self, end_time: int | None = None) -> None:
        """Finish it; nanoseconds since 1970, default now."""


class TraceContext(NamedTuple):
    """What travels of a span: W3C Trace Context's two headers."""

    traceparent: str
    tracestate: str | None = None


class Recorder(Protocol):
    """Who makes spans: `telemetry.otlp` where tracing is switched on."""

    def begin(self, new: NewSpan, parent: TraceContext | None, started_ns: int | None = None) -> Span | None:
        """Return a span below one of elsewhere, or a root; None where it is sampled out."""

    def begin_child(self, new: NewSpan, parent: Span, started_ns: int | None = None) -> Span:
        """Return a span below one of this process."""

    def context_of(self, span: Span) -> TraceContext:
        """Return what travels of `span`."""

    def fail(self, span: Span, error: BaseException | str) -> None:
        """Mark it as failed by the type of the exception or a word of low cardinality; the first cause stays."""

    def close(self) -> None:
        """Send what waits, for a bounded time, and make no more."""


class Slot:
    """The one recorder of this process, None while tracing is off."""

    recorder: Recorder | None = None


def is_tracing() -> bool:
    """Tell whether tracing is switched on; the spans of a request may be sampled out all the same."""
    return Slot.recorder is not None


def is_sampled(traceparent: str | None) -> bool:
    """Tell whether the spans of this trace are recorded."""
    parts = parse_traceparent(traceparent)
    return parts is not None and bool(parts[2] & _SAMPLED)


def parent_or_link(traceparent: str | None, made_at: datetime) -> tuple[str | None, str | None]:
    """Return the traceparent to continue, or the one to link to: what was made over five minutes ago is told apart.

    An outage or a replay would stretch a trace of milliseconds over hours.
    """
    return (traceparent, None) if utc_now() - made_at < _YOUNG else (None, traceparent)


def parse_traceparent(traceparent: str | None) -> tuple[str, str, int] | None:
    """Return trace id, span id and flags (W3C Trace Context, section 3.2); None for what cannot be read."""
    found = _TRACEPARENT.match(traceparent) if traceparent is not None else None
    return None if found is None else (found[1], found[2], int(found[3], 16))


def readable_context(traceparent: str | None, tracestate: str | None) -> TraceContext | None:
    """Return the context that a header, message or job carries; `tracestate` counts only beside a good `traceparent`.

    It is handed on as it came, as far as it is as long as every carrier must take (section 3.3.1.5) and printable.
    """
    if traceparent is None or not _TRACEPARENT.match(traceparent):
        return None
    return TraceContext(traceparent, tracestate if tracestate and _TRACESTATE.match(tracestate) else None)
