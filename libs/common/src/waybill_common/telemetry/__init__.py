"""What a process tells about itself: log lines, correlation ids, metrics, and the crash suite's fault points."""

from waybill_common.telemetry.context import (
    bind_context,
    child_traceparent,
    current_request_id,
    current_traceparent,
    merge_context,
    new_traceparent,
    use_context,
)
from waybill_common.telemetry.faults import arm_fault_points, fault_point
from waybill_common.telemetry.logs import configure_logging, get_logger, set_log_level
from waybill_common.telemetry.metrics import process_registry, render_metrics

__all__ = [
    "arm_fault_points",
    "bind_context",
    "child_traceparent",
    "configure_logging",
    "current_request_id",
    "current_traceparent",
    "fault_point",
    "get_logger",
    "merge_context",
    "new_traceparent",
    "process_registry",
    "render_metrics",
    "set_log_level",
    "use_context",
]
