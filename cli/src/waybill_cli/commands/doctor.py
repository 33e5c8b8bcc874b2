"""`waybill doctor`: checks a deployment from outside."""

from __future__ import annotations

from dataclasses import asdict

import click

from waybill_cli.application import Application, json_option, pass_application
from waybill_cli.output import Finding
from waybill_cli.progress import steps


@click.command()
@json_option
@pass_application
def doctor(application: Application) -> None:
    """Check settings, schemas, clocks, queues, permissions and readiness; exit status 1 when a check fails."""
    from waybill_cli.facts.doctor import CHECKS, examine

    checks = examine(application, steps(CHECKS, "examining"))
    if not application.output.as_json:
        marks = {"ok": "✓", "failed": "✗", "skipped": "–"}
        rows = [(marks[one.verdict], one.name, one.detail) for one in checks]
        application.output.table(("", "check", "detail"), rows)
        application.output.line()
    findings = [Finding(one.name, one.detail, True, one.do) for one in checks if one.verdict == "failed"]
    application.finish(findings, checks=[asdict(one) for one in checks])
