"""The `waybill` command: which platform it looks at, and the commands there are."""

from __future__ import annotations

from pathlib import Path

import click

from waybill_cli.application import Application
from waybill_cli.commands.broker import outbox, queues
from waybill_cli.commands.dead_letters import dead_letters
from waybill_cli.commands.doctor import doctor
from waybill_cli.commands.new_service import new_service
from waybill_cli.commands.service import audit, keys, users
from waybill_cli.commands.stuck import stuck
from waybill_cli.commands.trace import trace
from waybill_cli.config import load
from waybill_cli.output import Output


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--local",
    "folder",
    type=click.Path(path_type=Path),
    help="Look at the platform of `make up` that runs from FOLDER (default: .waybill, unless addresses are set).",
    metavar="FOLDER",
)
@click.option("--environment", "from_environment", is_flag=True, help="Look at the platform that WAYBILL_… name.")
@click.option("--json", "as_json", is_flag=True, help="Answer in JSON; every command takes it too.")
@click.version_option(package_name="waybill-cli", message="waybill %(version)s")
@click.pass_context
def main(context: click.Context, *, folder: Path | None, from_environment: bool, as_json: bool) -> None:
    """See what happens on a Waybill platform, find out why, and put it right.

    Exit status: 0 nothing is wrong, 1 something was found, 2 wrong use, 3 something does not answer, 4 refused.
    """
    if folder is not None and from_environment:
        raise click.UsageError("--local and --environment exclude each other")
    application = Application(lambda: load(folder, from_environment=from_environment), Output(as_json=as_json))
    context.obj = application
    context.call_on_close(application.close)


for command in (trace, stuck, dead_letters, outbox, queues, audit, users, keys, doctor, new_service):
    main.add_command(command)
