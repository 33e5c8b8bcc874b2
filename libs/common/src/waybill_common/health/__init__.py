"""Is this process alive and ready: the checks, the small HTTP server that answers them, and its end by signal."""

from waybill_common.health.checks import Check, HealthChecks, Tick
from waybill_common.health.process import CutShortError, begin_process, run_process
from waybill_common.health.server import AdminServer
from waybill_common.health.signals import stop_on_signals

__all__ = [
    "AdminServer",
    "Check",
    "CutShortError",
    "HealthChecks",
    "Tick",
    "begin_process",
    "run_process",
    "stop_on_signals",
]
