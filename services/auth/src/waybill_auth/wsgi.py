"""The web entry: gunicorn calls `create()` in each worker, after the fork."""

import logging

from waybill_common.health import HealthChecks
from waybill_common.http import with_internal_port
from waybill_common.http.wsgi import Wsgi
from waybill_common.telemetry import arm_fault_points, configure_logging, start_tracing

from waybill_auth.app import create_app
from waybill_auth.bootstrap import build_web
from waybill_auth.config import Settings, load


def create(settings: Settings | None = None) -> Wsgi:
    """Return the application with the internal port beside it; raises SettingsError with every fault.

    Where somebody has set up the logs already, as the standalone runner does, they stay as they are.
    """
    settings = settings or load()
    if not logging.getLogger().handlers:
        configure_logging(settings.service, settings.log_level, level_file=settings.log_level_file)
    start_tracing(settings, "web")
    arm_fault_points(settings.fault_hooks)
    dependencies = build_web(settings)
    checks = HealthChecks(dependencies.registry, ready=dependencies.ready_checks)
    return with_internal_port(create_app(dependencies), checks, settings.internal_port)
