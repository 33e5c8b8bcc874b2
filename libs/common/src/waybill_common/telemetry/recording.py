"""Spans of what has already ended, and the mark of what failed: for seams that measure afterwards."""

import time

from waybill_common.telemetry.context import current_span, end_span
from waybill_common.telemetry.spans import NewSpan, Slot


def record_span(new: NewSpan, seconds: float, error: str = "") -> None:
    """Record what has just ended after so many seconds, below the span in hand; nothing where none is recorded."""
    parent, recorder = current_span(), Slot.recorder
    if parent is None or recorder is None:
        return
    now = time.time_ns()
    span = recorder.begin_child(new, parent, now - int(seconds * 1e9))
    if error:
        recorder.fail(span, error)
    span.end(now)


def record_root(new: NewSpan, started_ns: int, error: BaseException | None = None) -> None:
    """Record what has just ended as a trace of its own, sampled for certain when one of its links is."""
    span = None if Slot.recorder is None else Slot.recorder.begin(new, None, started_ns)
    if span is not None:
        end_span(span, error)


def fail_span(error: BaseException | str) -> None:
    """Mark the span in hand as failed: by the type of the exception, or by a word of low cardinality."""
    span = current_span()
    if span is not None and Slot.recorder is not None:
        Slot.recorder.fail(span, error)
