"""The `standalone` command: up, processes, demo."""

from __future__ import annotations

import sys
from collections.abc import Callable

import click
from waybill_common.settings import SettingsError

from waybill_standalone.config import StandaloneSettings, StandaloneSettingsError, load
from waybill_standalone.home import HomeError
from waybill_standalone.notice import Notice
from waybill_standalone.ports import PortTakenError


@click.group()
def main() -> None:
    """Run Waybill on this machine."""


@main.command()
def up() -> None:
    """Run the platform in one process until Ctrl-C."""
    from waybill_standalone.modes.single import run_single

    _run(lambda settings: run_single(settings, Notice()))


@main.command()
def processes() -> None:
    """Run the platform as its real processes until Ctrl-C."""
    from waybill_standalone.modes.separate import run_processes

    _run(lambda settings: run_processes(settings, Notice()))


@main.command()
def demo() -> None:
    """Play one order from sign-up to refund and show what happened."""
    from waybill_standalone.demo.run import run_demo

    sys.exit(run_demo())


def _run(run: Callable[[StandaloneSettings], None]) -> None:
    """Run until it ends; what a person can put right is told in a line or two, without a traceback."""
    from waybill_standalone.accounts import AccountsError
    from waybill_standalone.processes.supervisor import StartError
    from waybill_standalone.servers.postgres import PostgresError
    from waybill_standalone.servers.rabbitmq import RabbitMissingError

    told = (
        StandaloneSettingsError,
        PortTakenError,
        HomeError,
        SettingsError,
        StartError,
        PostgresError,
        RabbitMissingError,
        AccountsError,
    )
    try:
        run(load())
    except (KeyboardInterrupt, click.Abort):
        sys.exit(130)
    except told as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(1)
