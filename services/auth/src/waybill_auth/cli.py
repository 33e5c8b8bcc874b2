"""The `auth` command: the processes of the service, its schema, its first administrator and its keys."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click
from waybill_common.settings import SettingsError
from waybill_common.telemetry import configure_logging

from waybill_auth.config import Settings, load

if TYPE_CHECKING:
    from waybill_auth.bootstrap import Commands

_PACKAGE = "waybill_auth"


@click.group()
def main() -> None:
    """Run the auth service."""


@main.command()
def web() -> None:
    """Serve HTTP with gunicorn, on the web port and the internal port."""
    from waybill_common.http.gunicorn_conf import run_gunicorn

    run_gunicorn(_settings())


@main.command()
def relay() -> None:
    """Publish events until SIGTERM."""
    from waybill_common.messaging import run_relay

    run_relay(_settings())


@main.command()
def work() -> None:
    """Run the recurring jobs until SIGTERM."""
    from waybill_auth.worker import serve_worker

    serve_worker(_settings())


@main.command()
@click.option("--wait-only", is_flag=True, help="Wait until another process has migrated.")
def migrate(*, wait_only: bool) -> None:
    """Bring the schema up to date, reconcile the service clients, and make the first signing key."""
    from waybill_common.database import migrate as run_migrations
    from waybill_common.database.migrations import wait_for_schema
    from waybill_common.health import stop_on_signals

    settings = _settings()
    url = settings.database_url.get_secret_value()
    if wait_only:
        sys.exit(0 if wait_for_schema(url, _PACKAGE, stop_on_signals()) else 1)
    click.echo(f"schema {run_migrations(url, _PACKAGE)}")
    with _commands(settings) as commands:
        clients = commands.reconcile_clients()
        click.echo(f"clients {', '.join(clients) or 'unchanged'}")
        for kid in commands.rotate_keys(is_asked_for=False).created:
            click.echo(f"made signing key {kid}")


@main.command("check-config")
def check_config() -> None:
    """Read the settings and say everything that is wrong with them."""
    settings = _settings()
    from waybill_auth.domain.clients import read_clients
    from waybill_auth.domain.errors import ClientsFileError

    try:
        read_clients(settings.clients.get_secret_value() or "[]")
    except ClientsFileError as error:
        click.echo(f"WAYBILL_AUTH_CLIENTS: {error}", err=True)
        sys.exit(2)
    click.echo("settings are complete")


@main.group()
def users() -> None:
    """Make administrators and change roles."""


@users.command("create-admin")
@click.argument("email")
def create_admin(email: str) -> None:
    """Give EMAIL an account with the role admin and print a one-time link for its password."""
    with _commands(_settings()) as commands:
        admin = commands.create_admin(email)
        click.echo(f"{admin.user_id} is administrator. This link is good once, for 24 hours:")
        click.echo(admin.link)


@users.command()
@click.argument("email")
@click.argument("role")
def grant(email: str, role: str) -> None:
    """Give the account of EMAIL the ROLE; its sessions end."""
    _change_role(email, role, grants=True)


@users.command()
@click.argument("email")
@click.argument("role")
def revoke(email: str, role: str) -> None:
    """Take the ROLE from the account of EMAIL; its sessions end."""
    _change_role(email, role, grants=False)


@users.command()
@click.argument("email")
def disable(email: str) -> None:
    """Switch the account of EMAIL off; its sessions end."""
    _set_state(email, disables=True)


@users.command()
@click.argument("email")
def enable(email: str) -> None:
    """Switch the account of EMAIL on again."""
    _set_state(email, disables=False)


@main.group()
def keys() -> None:
    """Rotate and revoke signing keys."""


@keys.command()
def rotate() -> None:
    """Publish a new signing key now; it signs from ten minutes later on, when every verifier has read it."""
    with _commands(_settings()) as commands:
        rotation = commands.rotate_keys(is_asked_for=True)
        names = ("created", "activated", "retired", "dropped")
        changes = [f"{name} {kid}" for name in names for kid in getattr(rotation, name)]
        click.echo("\n".join(changes) or "a new key is published already and waits for its time")


# A kid is base64url and may begin with a dash: then it is no option.
@keys.command("revoke", context_settings={"ignore_unknown_options": True})
@click.argument("kid")
def revoke_key(kid: str) -> None:
    """Take the key KID out of use at once, because it leaked; every session ends."""
    with _commands(_settings()) as commands:
        click.echo(f"revoked; the sessions of {commands.revoke_key(kid)} accounts ended")


def _change_role(email: str, role: str, *, grants: bool) -> None:
    from waybill_auth.use_cases.change_roles import ChangeRole

    with _commands(_settings()) as commands:
        roles = commands.change_role(ChangeRole(email, role, grants))
        click.echo(f"{email}: {', '.join(roles)}")


def _set_state(email: str, *, disables: bool) -> None:
    from waybill_auth.use_cases.set_account_state import SetAccountState

    with _commands(_settings()) as commands:
        commands.set_account_state(SetAccountState(email, disables))
        click.echo(f"{email}: {'disabled' if disables else 'enabled'}")


@contextmanager
def _commands(settings: Settings) -> "Iterator[Commands]":
    """Open the commands, close them, and turn a refusal into one line on standard error and exit status 1."""
    from waybill_auth.bootstrap import Commands
    from waybill_auth.domain.errors import DomainError

    commands = Commands(settings)
    try:
        yield commands
    except DomainError as error:
        click.echo(f"error: {error.code}: {error}", err=True)
        sys.exit(1)
    finally:
        commands.close()


def _settings() -> Settings:
    try:
        settings = load()
    except SettingsError as error:
        click.echo(str(error), err=True)
        sys.exit(2)
    configure_logging(settings.service, settings.log_level, level_file=settings.log_level_file)
    return settings
