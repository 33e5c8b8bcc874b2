"""Is this process alive and ready: the checks, the small HTTP server that answers them, and the stop by signal."""

from waybill_common.health.checks import Check, HealthChecks, Tick
from waybill_common.health.server import AdminServer
from waybill_common.health.signals import stop_on_signals

__all__ = ["AdminServer", "Check", "HealthChecks", "Tick", "stop_on_signals"]
