"""Records spans with OpenTelemetry's SDK and sends them to a collector by OTLP over HTTP; imported only for that."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any, cast

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExportResult
from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.sdk.trace.sampling import ALWAYS_ON
from opentelemetry.trace import Link, NonRecordingSpan, SpanContext, SpanKind, Status, StatusCode, TraceFlags
from opentelemetry.trace.span import TraceState

from waybill_common.ids import random_bits
from waybill_common.telemetry.logs import get_logger
from waybill_common.telemetry.spans import NewSpan, Span, TraceContext, is_sampled, parse_traceparent

# A collector that does not answer holds a batch for this long, in a thread of its own; requests never wait for it.
_EXPORT_SECONDS = 2.0
_EVERY_SECONDS = 2.0
# About 4 MiB; what comes while it is full is dropped.
_QUEUE = 2048
_BATCH = 512
# Added to the end of a process at most; below every grace (gunicorn 30 s, pods 30 s and more).
CLOSE_SECONDS = 3.0
_SAY_EVERY_SECONDS = 60.0
_KINDS = {
    "server": SpanKind.SERVER,
    "client": SpanKind.CLIENT,
    "producer": SpanKind.PRODUCER,
    "consumer": SpanKind.CONSUMER,
}
_log = get_logger(__name__)


class OtlpRecorder:
    """The recorder of one process; made after the fork, because it has a thread."""

    def __init__(self, endpoint: str, ratio: float, resource: Mapping[str, str]) -> None:
        """`endpoint` is the collector's base address, as in OTEL_EXPORTER_OTLP_ENDPOINT; nothing is connected yet."""
        for name in ("opentelemetry.exporter.otlp.proto.http.trace_exporter", "opentelemetry.sdk._shared_internal"):
            logging.getLogger(name).addFilter(_OnceAMinute())
        self._bound = round(ratio * 2**64)
        self._provider = TracerProvider(
            sampler=ALWAYS_ON,  # what is sampled out does not get so far
            # With what OTEL_RESOURCE_ATTRIBUTES says, and an instance id of this process.
            resource=Resource.create(dict(resource)),
            id_generator=_Ids(self._bound),
            shutdown_on_exit=False,
        )
        exporter = _Exporter(endpoint=f"{endpoint.rstrip('/')}/v1/traces", timeout=_EXPORT_SECONDS)
        self._provider.add_span_processor(
            BatchSpanProcessor(
                exporter,
                max_queue_size=_QUEUE,
                max_export_batch_size=_BATCH,
                schedule_delay_millis=_EVERY_SECONDS * 1000,
            )
        )
        self._tracer = self._provider.get_tracer("waybill")

    def begin(self, new: NewSpan, parent: TraceContext | None, started_ns: int | None = None) -> Span | None:
        """Return a span below one of elsewhere, or a root; None where it is sampled out."""
        if not self._is_wanted(new, parent):
            return None
        remote = None if parent is None else _span_context(parent)
        context = Context() if remote is None else trace.set_span_in_context(NonRecordingSpan(remote), Context())
        return self._start(new, context, started_ns)

    def begin_child(self, new: NewSpan, parent: Span, started_ns: int | None = None) -> Span:
        """Return a span below one of this process."""
        return self._start(new, trace.set_span_in_context(cast("trace.Span", parent), Context()), started_ns)

    @staticmethod
    def context_of(span: Span) -> TraceContext:
        """Return what travels of `span`."""
        own = cast("trace.Span", span).get_span_context()
        text = f"00-{own.trace_id:032x}-{own.span_id:016x}-{own.trace_flags:02x}"
        return TraceContext(text, own.trace_state.to_header() or None)

    @staticmethod
    def fail(span: Span, error: BaseException | str) -> None:
        """Mark it as failed; only the type of an exception is told, because its text may name people and values."""
        recorded = cast("Any", span)
        if recorded.status.status_code is StatusCode.ERROR:
            return
        recorded.set_attribute("error.type", error if isinstance(error, str) else _type_name(error))
        recorded.set_status(Status(StatusCode.ERROR))

    def close(self) -> None:
        """Send what waits, for a bounded time, and make no more."""
        # In a thread of its own: the SDK's shutdown waits up to 30 s for a collector that does not answer.
        ending = threading.Thread(target=self._provider.shutdown, name="traces-end", daemon=True)
        ending.start()
        ending.join(CLOSE_SECONDS)

    def _is_wanted(self, new: NewSpan, parent: TraceContext | None) -> bool:
        """Decide as `parentbased_traceidratio` does; and a root is wanted when a trace is that it links to.

        Here and not in a sampler of the SDK, which is asked after five times the work.
        """
        if parent is not None:
            return is_sampled(parent.traceparent)
        return any(is_sampled(link) for link in new.links) or random_bits(64) < self._bound

    def _start(self, new: NewSpan, context: Context, started_ns: int | None) -> trace.Span:
        links = [Link(found) for text in new.links if (found := _span_context(TraceContext(text))) is not None]
        return self._tracer.start_span(
            new.name, context, _KINDS[new.kind], attributes=dict(new.attributes), links=links, start_time=started_ns
        )


class _Ids(IdGenerator):
    """Ids from the process's own generator, which nobody's `random.seed` repeats.

    The right half of a trace id is below the share of 2^64 that is sampled: whoever decides by it (`traceidratio`)
    decides as we did.
    """

    def __init__(self, bound: int) -> None:
        self._bound = bound

    def generate_span_id(self) -> int:
        return random_bits(64) or 1

    def generate_trace_id(self) -> int:
        return (random_bits(64) or 1) << 64 | random_bits(64) % max(1, self._bound)


class _Exporter(OTLPSpanExporter):
    """Counts what a collector did not take, and says it once a minute instead of for each batch."""

    _lost = 0
    _next_line = 0.0

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        result = super().export(spans)
        if result is not SpanExportResult.SUCCESS:
            self._lost += len(spans)
        if self._lost and time.monotonic() >= self._next_line:
            self._next_line = time.monotonic() + _SAY_EVERY_SECONDS
            lost, self._lost = self._lost, 0
            _log.warning("spans_lost", spans=lost, endpoint=self._endpoint)
        return result


class _OnceAMinute(logging.Filter):
    """Lets each of the SDK's own complaints through once a minute."""

    def __init__(self) -> None:
        super().__init__()
        self._next: dict[str, float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        now = time.monotonic()
        if now < self._next.get(record.msg, 0.0):
            return False
        self._next[record.msg] = now + _SAY_EVERY_SECONDS
        return True


def _span_context(found: TraceContext) -> SpanContext | None:
    parts = parse_traceparent(found.traceparent)
    if parts is None:
        return None
    trace_id, span_id, flags = parts
    state = TraceState.from_header([found.tracestate]) if found.tracestate else None
    return SpanContext(int(trace_id, 16), int(span_id, 16), True, TraceFlags(flags), state)


def _type_name(error: BaseException) -> str:
    kind = type(error)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
