"""The entry of gunicorn's workers: `waybill_orders.wsgi:create()`."""

from waybill_common.http.wsgi import Wsgi
from waybill_common.telemetry import arm_fault_points, configure_logging, start_tracing

from waybill_orders.app import create_wsgi
from waybill_orders.bootstrap import build_web
from waybill_orders.config import load


def create() -> Wsgi:
    """Return the WSGI callable of one worker, made after its fork; raises SettingsError."""
    settings = load()
    configure_logging(settings.service, settings.log_level, level_file=settings.log_level_file)
    start_tracing(settings, "web")
    arm_fault_points(settings.fault_hooks, f"{settings.service}.web")
    return create_wsgi(build_web(settings))
