"""Which request or message is being handled: its ids, carried by a context variable into logs, events and calls."""

import re
from contextvars import ContextVar, Token
from types import TracebackType
from typing import Any, NamedTuple

from waybill_common.ids import random_bits

_TRACEPARENT = re.compile(r"^00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$")


class _Here(NamedTuple):
    """What is in hand; `ids` is what every log line shows."""

    request_id: str | None
    traceparent: str | None
    ids: dict[str, str]


_NOTHING = _Here(None, None, {})
_here: ContextVar[_Here] = ContextVar("waybill", default=_NOTHING)


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
    return _here.get().request_id


def current_traceparent() -> str | None:
    """Return the `traceparent` of the span in hand, None outside of one."""
    return _here.get().traceparent


def bind_context(**ids: str) -> None:
    """Add ids to every log line of the request, message or job in hand."""
    here = _here.get()
    _here.set(here._replace(ids=here.ids | ids))


def merge_context(_logger: Any, _method: str, event: Any) -> Any:
    """Add the ids in hand to a log line (a processor of structlog); what the line says itself stands."""
    return {**_here.get().ids, **event}


class use_context:  # noqa: N801 - reads as the verb it is; a generator would cost three times as much on every request
    """Handle one request, message or job under these ids; whatever was in hand before comes back at the end."""

    __slots__ = ("_inside", "_token")

    def __init__(self, *, request_id: str | None = None, traceparent: str | None = None, **ids: str) -> None:
        span = child_traceparent(traceparent)
        shown = _here.get().ids | {"trace_id": span[3:35]} | ids
        if request_id:
            shown["request_id"] = request_id
        self._inside = _Here(request_id, span, shown)
        self._token: Token[_Here] | None = None

    def __enter__(self) -> None:
        self._token = _here.set(self._inside)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._token is not None, "left before it was entered"
        _here.reset(self._token)
