"""The `sandbox` command: the payment gateway with its schema, and the mail catcher."""

import sys
from pathlib import Path

import click
from waybill_common.settings import SettingsError
from waybill_common.telemetry import configure_logging, get_logger

from waybill_sandbox.config import Settings, load

_PACKAGE = "waybill_sandbox"
_log = get_logger(__name__)


@click.group()
def main() -> None:
    """Run what Waybill talks to outside: a payment gateway, and a mailbox for everybody."""


@main.command()
def serve() -> None:
    """Answer requests and deliver webhooks until SIGTERM or SIGINT."""
    from waybill_common.health import stop_on_signals

    from waybill_sandbox.server import GatewayServer

    settings = _settings()
    stop = stop_on_signals()
    server = GatewayServer(settings)
    server.start()
    _log.info("serving", url=server.url)
    stop.wait()
    server.stop()


@main.command()
@click.option("--listen", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--smtp-port", default=1025, show_default=True)
@click.option("--web-port", default=8025, show_default=True)
@click.option("--file", "path", default="mail.jsonl", show_default=True, help="Where caught mails are kept.")
def mail(listen: str, smtp_port: int, web_port: int, path: str) -> None:
    """Catch mails and show them until SIGTERM or SIGINT."""
    from waybill_common.health import stop_on_signals

    from waybill_sandbox.mail.serve import MailAddress, MailService

    configure_logging("mail")
    stop = stop_on_signals()
    service = MailService(Path(path), MailAddress(smtp_port, web_port, listen))
    service.start()
    stop.wait()
    service.stop()


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
