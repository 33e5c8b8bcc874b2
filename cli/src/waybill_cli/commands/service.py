"""`waybill audit`, `users` and `keys`: the services' own commands, run where the services are."""

from __future__ import annotations

import click

from waybill_cli.application import Application, json_option, pass_application
from waybill_cli.failures import RefusedError
from waybill_cli.output import Finding
from waybill_cli.sources.service_commands import run_service


@click.command()
@json_option
@pass_application
def audit(application: Application) -> None:
    """Run the invariants of orders, money and stock over the whole database; exit status 1 when one is broken."""
    done = run_service(application.target, "orders", "audit")
    broken = [line for line in done.stdout.splitlines() if line.strip()]
    if done.returncode != 0 and not broken:
        raise RefusedError(f"orders audit ended with {done.returncode}: {done.stderr.strip()}")
    if not broken and not application.output.as_json:
        application.output.line("every invariant holds", "green")
    findings = []
    for line in broken:
        invariant, _, row = line.partition(": ")
        findings.append(Finding(invariant, row, is_open=True))
    application.finish(findings, audit={"service": "orders", "violations": broken})


@click.group()
def users() -> None:
    """Make an administrator; suspend and restore accounts."""


@users.command("create-admin")
@click.argument("email")
@json_option
@pass_application
def create_admin(application: Application, email: str) -> None:
    """Give EMAIL an account with the role admin and print a one-time link for its password."""
    _tell(application, "auth", "users", "create-admin", email)


@users.command()
@click.argument("email")
@json_option
@pass_application
def suspend(application: Application, email: str) -> None:
    """Switch the account of EMAIL off: its sessions end at once, and nobody signs in to it."""
    _tell(application, "auth", "users", "disable", email)


@users.command()
@click.argument("email")
@json_option
@pass_application
def restore(application: Application, email: str) -> None:
    """Switch a suspended account on again."""
    _tell(application, "auth", "users", "enable", email)


@click.group()
def keys() -> None:
    """Rotate or revoke the keys that sign access tokens."""


@keys.command()
@json_option
@pass_application
def rotate(application: Application) -> None:
    """Publish a new signing key; it signs ten minutes later, when every verifier has read it."""
    _tell(application, "auth", "keys", "rotate")


# A kid is base64url and may begin with a dash: then it is no option.
@keys.command("revoke", context_settings={"ignore_unknown_options": True})
@click.argument("kid")
@click.confirmation_option(prompt="Every session ends. Revoke the key?")
@json_option
@pass_application
def revoke_key(application: Application, kid: str) -> None:
    """Take the key KID out of use at once, because it leaked; every session ends."""
    _tell(application, "auth", "keys", "revoke", kid)


def _tell(application: Application, service: str, *arguments: str) -> None:
    """Run it, hand on what it says, and refuse when it refused."""
    done = run_service(application.target, service, *arguments)
    if done.returncode != 0:
        raise RefusedError(f"{service} {' '.join(arguments)}: {done.stderr.strip() or done.stdout.strip()}")
    if not application.output.as_json:
        application.output.line(done.stdout.strip())
    application.finish(said=done.stdout.strip().splitlines())
