"""What a process tells of itself: log lines, ids, spans, metrics, and the crash suite's fault points."""

from waybill_common.telemetry.collector import collect_less
from waybill_common.telemetry.context import (
    bind_context,
    child_span,
    child_traceparent,
    current_request_id,
    current_span,
    current_traceparent,
    current_tracestate,
    merge_context,
    new_traceparent,
    outgoing_headers,
    use_context,
)
from waybill_common.telemetry.faults import arm_fault_points, fault_point
from waybill_common.telemetry.logs import configure_logging, get_logger, log_request, set_log_level
from waybill_common.telemetry.metrics import process_registry, render_metrics
from waybill_common.telemetry.recording import fail_span, record_root, record_span
from waybill_common.telemetry.spans import NewSpan, Span, is_sampled, is_tracing, parent_or_link
from waybill_common.telemetry.tracing import start_tracing, stop_tracing

__all__ = [
    "NewSpan",
    "Span",
    "arm_fault_points",
    "bind_context",
    "child_span",
    "child_traceparent",
    "collect_less",
    "configure_logging",
    "current_request_id",
    "current_span",
    "current_traceparent",
    "current_tracestate",
    "fail_span",
    "fault_point",
    "get_logger",
    "is_sampled",
    "is_tracing",
    "log_request",
    "merge_context",
    "new_traceparent",
    "outgoing_headers",
    "parent_or_link",
    "process_registry",
    "record_root",
    "record_span",
    "render_metrics",
    "set_log_level",
    "start_tracing",
    "stop_tracing",
    "use_context",
]
