"""Which request or message is being handled: its ids, carried by a context variable into logs, events and calls."""

from contextvars import ContextVar, Token
from types import TracebackType
from typing import Any, NamedTuple

from waybill_common.ids import random_bits
from waybill_common.telemetry.spans import NewSpan, Slot, Span, TraceContext, parse_traceparent, readable_context


class _Here(NamedTuple):
    """What is in hand; `ids` is what every log line shows, `span` is there where it is recorded."""

    request_id: str | None
    trace: TraceContext | None
    ids: dict[str, str]
    span: Span | None = None


_NOTHING = _Here(None, None, {})
_here: ContextVar[_Here] = ContextVar("waybill", default=_NOTHING)


def _span_id() -> str:
    return f"{random_bits(64):016x}"


def new_traceparent() -> str:
    """Return a fresh W3C Trace Context `traceparent` (section 3.2), not sampled."""
    return f"00-{random_bits(128):032x}-{_span_id()}-00"


def child_traceparent(parent: str | None) -> str:
    """Return a `traceparent` of the parent's trace with a new span id; a fresh one when the parent cannot be read."""
    parts = parse_traceparent(parent)
    return new_traceparent() if parts is None else f"00-{parts[0]}-{_span_id()}-{parts[2]:02x}"


def current_request_id() -> str | None:
    """Return the id of the request (or message) in hand, None outside of one."""
    return _here.get().request_id


def current_traceparent() -> str | None:
    """Return the `traceparent` of the span in hand, None outside of one."""
    trace = _here.get().trace
    return None if trace is None else trace.traceparent


def current_tracestate() -> str | None:
    """Return the `tracestate` that came with the trace in hand, None where none did."""
    trace = _here.get().trace
    return None if trace is None else trace.tracestate


def current_span() -> Span | None:
    """Return the recorded span in hand; None while tracing is off, and where the trace is not sampled."""
    return _here.get().span


def outgoing_headers() -> dict[str, str]:
    """Return the trace headers of a call: of the span in hand where it is recorded, else of a new one below it."""
    here = _here.get()
    if here.trace is None:
        return {"traceparent": new_traceparent()}
    traceparent, tracestate = here.trace
    headers = {"traceparent": traceparent if here.span is not None else child_traceparent(traceparent)}
    return headers if tracestate is None else headers | {"tracestate": tracestate}


def bind_context(**ids: str) -> None:
    """Add ids to every log line of the request, message or job in hand."""
    here = _here.get()
    _here.set(_Here(here.request_id, here.trace, here.ids | ids, here.span))


def merge_context(_logger: Any, _method: str, event: Any) -> Any:
    """Add the ids in hand to a log line (a processor of structlog); what the line says itself stands."""
    return {**_here.get().ids, **event}


class use_context:  # noqa: N801 - reads as the verb it is; a generator would cost three times as much on every request
    """Handle one request, message or job under these ids; whatever was in hand before comes back at the end.

    `span` is recorded below `traceparent` where tracing is on and the trace is sampled: what is decided here holds for
    all that happens inside.
    """

    __slots__ = ("_inside", "_token")

    def __init__(
        self,
        *,
        request_id: str | None = None,
        traceparent: str | None = None,
        tracestate: str | None = None,
        span: NewSpan | None = None,
        **ids: str,
    ) -> None:
        recorded, trace = _begin(span, readable_context(traceparent, tracestate))
        shown = _here.get().ids | {"trace_id": trace.traceparent[3:35], "span_id": trace.traceparent[36:52]} | ids
        if request_id:
            shown["request_id"] = request_id
        self._inside = _Here(request_id, trace, shown, recorded)
        self._token: Token[_Here] | None = None

    def __enter__(self) -> None:
        self._token = _here.set(self._inside)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._token is not None, "left before it was entered"
        _here.reset(self._token)
        if self._inside.span is not None:
            end_span(self._inside.span, error)


class child_span:  # noqa: N801 - as above
    """Record what happens inside as a span of its own; enters as None where nothing is recorded."""

    __slots__ = ("_new", "_span", "_token")

    def __init__(self, new: NewSpan | None) -> None:
        """`new` is None where `current_span` is, so that nobody builds one in vain."""
        self._new = new
        self._span: Span | None = None
        self._token: Token[_Here] | None = None

    def __enter__(self) -> Span | None:
        here, recorder = _here.get(), Slot.recorder
        if self._new is not None and here.span is not None and recorder is not None:
            self._span = recorder.begin_child(self._new, here.span)
            self._token = _here.set(here._replace(trace=recorder.context_of(self._span), span=self._span))
        return self._span

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._span is not None and self._token is not None:
            _here.reset(self._token)
            end_span(self._span, error)


def _begin(span: NewSpan | None, parent: TraceContext | None) -> tuple[Span | None, TraceContext]:
    recorder = Slot.recorder
    if recorder is not None and span is not None:
        recorded = recorder.begin(span, parent)
        if recorded is not None:
            return recorded, recorder.context_of(recorded)
    if parent is None:
        return None, TraceContext(new_traceparent())
    return None, TraceContext(child_traceparent(parent.traceparent), parent.tracestate)


def end_span(span: Span, error: BaseException | None = None) -> None:
    """Finish a span, as failed when there is an error."""
    if error is not None and Slot.recorder is not None:
        Slot.recorder.fail(span, error)
    span.end()
