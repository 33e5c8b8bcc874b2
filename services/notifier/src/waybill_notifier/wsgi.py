"""The web entry: what gunicorn and the standalone runner call in each process."""

from waybill_common.health import HealthChecks
from waybill_common.http import with_internal_port
from waybill_common.http.wsgi import Wsgi
from waybill_common.telemetry import arm_fault_points, configure_logging, start_tracing

from waybill_notifier.app import create_app
from waybill_notifier.bootstrap import web_dependencies
from waybill_notifier.config import Settings, load


def create(settings: Settings | None = None) -> Wsgi:
    """Return the callable for both listeners; raises SettingsError."""
    settings = settings or load()
    configure_logging(settings.service, settings.log_level, level_file=settings.log_level_file)
    start_tracing(settings, "web")
    arm_fault_points(settings.fault_hooks)
    dependencies = web_dependencies(settings)
    checks = HealthChecks(dependencies.registry, ready=dependencies.ready_checks)
    return with_internal_port(create_app(dependencies), checks, settings.internal_port)
