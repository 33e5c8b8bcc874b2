"""The notifier's commands."""

import sys

import click
from waybill_common.settings import SettingsError

from waybill_notifier.config import Settings, load


def _settings() -> Settings:
    try:
        return load()
    except SettingsError as error:
        click.echo(str(error), err=True)
        sys.exit(2)


@click.group()
def main() -> None:
    """Turns events into mails, each once, with a ledger of every attempt."""


@main.command()
def web() -> None:
    """Serve the HTTP API with gunicorn."""
    from waybill_common.http.gunicorn_conf import run_gunicorn

    run_gunicorn(_settings())


@main.command()
def consume() -> None:
    """Read events and write what is to be sent."""
    from waybill_notifier.worker import serve_consumer

    serve_consumer(_settings())


@main.command()
def work() -> None:
    """Send mails and do what recurs."""
    from waybill_notifier.worker import serve_worker

    serve_worker(_settings())


@main.command()
@click.option("--wait-only", is_flag=True, help="Wait until another process has migrated.")
def migrate(*, wait_only: bool) -> None:
    """Bring the database to the newest schema."""
    from waybill_common.database import migrate as bring_up
    from waybill_common.database.migrations import wait_for_schema
    from waybill_common.health import stop_on_signals

    url = _settings().database_url.get_secret_value()
    if wait_only:
        sys.exit(0 if wait_for_schema(url, "waybill_notifier", stop_on_signals()) else 1)
    click.echo(bring_up(url, "waybill_notifier"))


@main.command("check-config")
def check_config() -> None:
    """Read all settings and report every fault."""
    _settings()
    click.echo("the settings are good")


@main.command("lift-suppression")
@click.argument("address")
def lift_suppression(address: str) -> None:
    """Write to an address again that a server had refused for good."""
    from waybill_notifier.bootstrap import lift_suppression as lift

    click.echo("lifted" if lift(_settings(), address) else "this address is not suppressed")
