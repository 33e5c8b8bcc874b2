"""The `sandbox` command: serve, migrate, check-config."""

import signal
import sys
import threading

import click
from waybill_common.settings import SettingsError
from waybill_common.telemetry import configure_logging, get_logger

from waybill_sandbox.config import Settings, load

_PACKAGE = "waybill_sandbox"
_log = get_logger(__name__)


@click.group()
def main() -> None:
    """Run the sandbox payment gateway."""


@main.command()
def serve() -> None:
    """Answer requests and deliver webhooks until SIGTERM or SIGINT."""
    from waybill_sandbox.server import GatewayServer

    settings = _settings()
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    server = GatewayServer(settings)
    server.start()
    _log.info("serving", url=server.url)
    stop.wait()
    server.stop()


@main.command()
def migrate() -> None:
    """Bring the database to the newest schema."""
    from waybill_common.database import migrate as run_migrations

    click.echo(run_migrations(_settings().database_url.get_secret_value(), _PACKAGE))


@main.command("check-config")
def check_config() -> None:
    """Read the settings and say what is wrong with them."""
    _settings()
    click.echo("settings are complete")


def _settings() -> Settings:
    try:
        settings = load()
    except SettingsError as error:
        click.echo(str(error), err=True)
        sys.exit(2)
    configure_logging("sandbox", settings.log_level, level_file=settings.log_level_file)
    return settings
