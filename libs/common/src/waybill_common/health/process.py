"""A loop as a process: logs, traces and fault points, signals obeyed, health on its port, a certain end."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from waybill_common.health.checks import HealthChecks
from waybill_common.health.server import AdminServer
from waybill_common.health.signals import stop_on_signals
from waybill_common.telemetry import (
    arm_fault_points,
    collect_less,
    configure_logging,
    get_logger,
    start_tracing,
    stop_tracing,
)

if TYPE_CHECKING:
    from waybill_common.settings import ServiceSettings

_log = get_logger(__name__)


class CutShortError(Exception):
    """The grace of a loop was over before all that ran in it had ended."""


def begin_process(settings: ServiceSettings, role: str) -> threading.Event:
    """Set up logs, traces, fault points and return the event that SIGTERM sets; call it first, in the main thread."""
    configure_logging(settings.service, settings.log_level, level_file=settings.log_level_file)
    start_tracing(settings, role)
    arm_fault_points(settings.fault_hooks, f"{settings.service}.{role}")
    return stop_on_signals()


def run_process(settings: ServiceSettings, checks: HealthChecks, run: Callable[[], None]) -> None:
    """Run the loop with its checks and metrics on the admin port; raises OSError when the port is taken.

    A loop that was cut short ends the process here and now with status 1: what still runs must not go on without its
    leases, and an orderly exit would wait for it.
    """
    admin = AdminServer(checks, settings.web_host, settings.admin_port)
    admin.start()
    _log.info("admin_port", port=admin.port)
    collect_less()
    try:
        run()
    except CutShortError as error:
        _log.error("process_cut_short", error=str(error))
        stop_tracing()
        logging.shutdown()
        os._exit(1)
    finally:
        admin.stop()
        stop_tracing()
