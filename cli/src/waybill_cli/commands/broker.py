"""`waybill outbox` and `waybill queues`: what waits to be published, and what waits to be read."""

from __future__ import annotations

import click

from waybill_cli.application import Application, json_option, pass_application
from waybill_cli.output import Finding, age


@click.command()
@click.option(
    "--limit", default=20, show_default=True, type=click.IntRange(1, 10_000), help="At most so many rows each."
)
@json_option
@pass_application
def outbox(application: Application, limit: int) -> None:
    """Show which events wait for the broker, who publishes them, and what could not be published.

    Exit status 1 when no relay leads or something was put aside.
    """
    from waybill_cli.facts.outbox import PUBLISHERS, rows, unpublishable, waiting

    answer, findings = {}, []
    for service in PUBLISHERS:
        state = waiting(application.databases, service)
        waits, aside = rows(application.databases, service, limit), unpublishable(application.databases, service, limit)
        answer[service] = {**state, "rows": waits, "dead": aside}
        if state["leader"] is None:
            findings.append(Finding(service, "no relay leads", is_open=True, do=f"start {service}'s relay"))
        if aside:
            text = f"{state['unpublishable']} events were put aside"
            findings.append(Finding(service, text, is_open=True, do="mend the cause, insert the position into outbox"))
        if not application.output.as_json:
            by = f", published by session {state['leader']['pid']}" if state["leader"] else ""
            oldest = f", the oldest for {age(state['oldest_age'])}" if state["oldest_age"] else ""
            application.output.line(f"{service}: {state['waiting']} wait{oldest}{by}", "bold")
            for title, columns, found in (
                ("waiting", ("position", "type", "subject", "sequence", "queued_at"), waits),
                ("put aside", ("position", "type", "subject", "sequence", "error"), aside),
            ):
                if found:
                    application.output.table(columns, ([row[name] for name in columns] for row in found), title)
    application.finish(findings, outbox=answer)


@click.command()
@json_option
@pass_application
def queues(application: Application) -> None:
    """Show each queue with its ready messages and its readers; exit status 1 when one is missing or unread."""
    from dataclasses import asdict

    from waybill_cli.facts.queue_faults import queue_faults

    found = application.queues()
    if not application.output.as_json:
        rows = [(one.name, one.ready, one.consumers if one.wants_consumers else "–") for one in found]
        application.output.table(("queue", "ready", "consumers"), rows)
    findings = [Finding(one.queue, one.why, is_open=True, do=one.do) for one in queue_faults(found)]
    application.finish(findings, queues=[asdict(one) for one in found])
