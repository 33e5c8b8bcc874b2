"""Which request or message is being handled: its ids, carried by context variables into logs, events and calls."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import structlog

from waybill_common.ids import random_bits

_TRACEPARENT = re.compile(r"^00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$")
_request_id: ContextVar[str | None] = ContextVar("request_id", default=None)
_traceparent: ContextVar[str | None] = ContextVar("traceparent", default=None)


def _span_id() -> str:
    return f"{random_bits(64):016x}"


def new_traceparent() -> str:
    """Return a fresh W3C Trace Context `traceparent` (section 3.2), not sampled."""
    return f"00-{random_bits(128):032x}-{_span_id()}-00"


def child_traceparent(parent: str | None) -> str:
    """Return a `traceparent` of the parent's trace with a new span id; a fresh one when the parent cannot be read."""
    if parent is None or not _TRACEPARENT.match(parent):
        return new_traceparent()
    version, trace_id, _, flags = parent.split("-")
    return f"{version}-{trace_id}-{_span_id()}-{flags}"


def current_request_id() -> str | None:
    """Return the id of the request (or message) in hand, None outside of one."""
    return _request_id.get()


def current_traceparent() -> str | None:
    """Return the `traceparent` of the span in hand, None outside of one."""
    return _traceparent.get()


def bind_context(**ids: str) -> None:
    """Add ids to every log line of the request, message or job in hand."""
    structlog.contextvars.bind_contextvars(**ids)


@contextmanager
def use_context(*, request_id: str | None = None, traceparent: str | None = None) -> Iterator[None]:
    """Handle one request, message or job under these ids; whatever was bound before comes back at the end."""
    span = child_traceparent(traceparent)
    request_token, trace_token = _request_id.set(request_id), _traceparent.set(span)
    ids = {"trace_id": span.split("-")[1]} | ({"request_id": request_id} if request_id else {})
    before = structlog.contextvars.get_contextvars()
    structlog.contextvars.bind_contextvars(**ids)
    try:
        yield
    finally:
        # What was bound inside must not show on the thread's next request.
        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(**before)
        _request_id.reset(request_token)
        _traceparent.reset(trace_token)
