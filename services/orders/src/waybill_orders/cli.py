"""The command `orders`: its processes, its schema, and the audit of its invariants."""

import sys
from collections.abc import Callable

import click
from waybill_common.settings import SettingsError

from waybill_orders.config import Settings, load


@click.group()
def main() -> None:
    """Products, stock, orders, money and shipments of Waybill."""


def _settings() -> Settings:
    try:
        return load()
    except SettingsError as error:
        raise click.ClickException(str(error)) from error


def _serving(role: str, pick: str) -> Callable[[], None]:
    def run() -> None:
        from waybill_orders import worker

        settings = _settings()
        worker.serve(settings, role, getattr(worker, pick))

    return run


main.command("relay", help="Publish events, with confirms.")(_serving("relay", "relay_loop"))
main.command("consume", help="Consume auth's events: revocations.")(_serving("consumer", "consumer_loop"))
main.command("work", help="Run jobs: expiry, return of money, cleaning up.")(_serving("worker", "worker_loop"))


@main.command()
def web() -> None:
    """Serve HTTP with gunicorn."""
    from waybill_common.http.gunicorn_conf import run_gunicorn

    run_gunicorn(_settings())


@main.command()
@click.option("--wait-only", is_flag=True, help="Wait until another process has migrated.")
def migrate(*, wait_only: bool) -> None:
    """Bring the database to this version's schema."""
    from waybill_common.database import migrate as migrate_database
    from waybill_common.database.migrations import wait_for_schema
    from waybill_common.health import stop_on_signals

    url = _settings().database_url.get_secret_value()
    if wait_only:
        sys.exit(0 if wait_for_schema(url, "waybill_orders", stop_on_signals()) else 1)
    click.echo(f"orders: schema at {migrate_database(url, 'waybill_orders')}")


@main.command("check-config")
def check_config() -> None:
    """Read every setting and say what is wrong with it."""
    _settings()
    click.echo("orders: settings are fine")


@main.command()
def audit() -> None:
    """Run the invariants I1 to I12 as SQL and print every row that breaks one; exit 1 when there is any."""
    from waybill_orders.bootstrap import audit_database

    found = 0
    for invariant, row in audit_database(_settings()):
        found += 1
        click.echo(f"{invariant}: {row}")
    if found:
        click.echo(f"orders: {found} rows break an invariant", err=True)
        sys.exit(1)
