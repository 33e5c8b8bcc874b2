"""`waybill stuck`: everything past its deadline, and why."""

from __future__ import annotations

from datetime import timedelta

import click

from waybill_cli.application import Application, json_option, pass_application
from waybill_cli.output import Finding, age
from waybill_cli.progress import steps


@click.command()
@click.option("--over", default=30.0, show_default=True, help="Seconds past its time before something counts as stuck.")
@json_option
@pass_application
def stuck(application: Application, over: float) -> None:
    """List what waits too long: outbox, queues, dead letters, jobs, mails, payments, orders; exit status 1 when any."""
    from waybill_cli.facts.stuck import QUESTIONS, all_stuck, as_row

    found = all_stuck(application, timedelta(seconds=over), steps(QUESTIONS, "looking"))
    if not application.output.as_json and found:
        rows = [(one.kind, one.service, one.subject, age(one.late), one.why) for one in found]
        application.output.table(("kind", "service", "what", "late", "why"), rows)
        application.output.line()
    advice = dict.fromkeys((one.kind, one.service, one.do) for one in found)
    findings = [Finding(f"{kind} {service}".strip(), do, is_open=True) for kind, service, do in advice]
    if not found and not application.output.as_json:
        application.output.line("nothing is stuck", "green")
    application.finish(findings, stuck=[as_row(one) for one in found])
