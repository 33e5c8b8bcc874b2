"""The trace of a job: written beside its payload by who makes the work necessary, continued by its runs."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

from waybill_common.telemetry import (
    NewSpan,
    current_traceparent,
    current_tracestate,
    is_tracing,
    parent_or_link,
)

# Members of the payload that are no handler's; an older worker passes over them.
_TRACEPARENT, _TRACESTATE = "traceparent", "tracestate"


class JobTrace(NamedTuple):
    """The W3C trace context that a job carries; empty for one that recurs."""

    traceparent: str | None = None
    tracestate: str | None = None


NO_TRACE = JobTrace()


def carried_trace() -> dict[str, str]:
    """Return the trace in hand as members of a payload."""
    pairs = ((_TRACEPARENT, current_traceparent()), (_TRACESTATE, current_tracestate()))
    return {name: value for name, value in pairs if value is not None}


def split_payload(stored: Mapping[str, Any]) -> tuple[dict[str, Any], JobTrace]:
    """Return what the handler is given, and the trace that was written beside it."""
    payload = dict(stored)
    return payload, JobTrace(payload.pop(_TRACEPARENT, None), payload.pop(_TRACESTATE, None))


def run_context(trace: JobTrace, kind: str, attempt: int, made_at: datetime) -> dict[str, Any]:
    """Return the arguments of `use_context` for a run: inside the trace of the job's cause, linked when that is old."""
    parent, link = parent_or_link(trace.traceparent, made_at)
    span = None
    if is_tracing():
        attributes: dict[str, str | int] = {"waybill.job.kind": kind, "waybill.job.attempt": attempt}
        span = NewSpan(f"job {kind}", "consumer", attributes, () if link is None else (link,))
    return {"traceparent": parent, "tracestate": trace.tracestate, "span": span}
