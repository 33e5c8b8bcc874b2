"""`waybill trace ORDER`: one timeline of an order across the services, and what it means."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import click

from waybill_cli.application import Application, json_option, pass_application
from waybill_cli.output import Output, clock_time


@click.command()
@click.argument("order")
@json_option
@pass_application
def trace(application: Application, order: str) -> None:
    """Show all that happened to ORDER (its id or number): states, events, notifications, attempts, traces.

    What is slow, waiting or dead is explained below the timeline; exit status 1 says that something is still open.
    """
    from waybill_cli.facts.explain import explain
    from waybill_cli.facts.order import gather
    from waybill_cli.facts.timeline import timeline

    facts = gather(application, order)
    happenings = timeline(facts)
    findings = explain(facts)
    if not application.output.as_json:
        _show(application.output, facts.order, happenings)
    application.finish(findings, order=facts.order, timeline=[asdict(one) for one in happenings])


def _show(output: Output, order: Any, happenings: Any) -> None:
    output.line(f"order {order['number']} ({order['id']}) of {order['customer_id']}", "bold")
    output.line(
        f"{order['status']}, payment {order['payment_status']}, fulfillment {order['fulfillment_status']}, "
        f"total {order['total']['amount']} {order['total']['currency']} (minor units), version {order['version']}"
    )
    output.line(f"placed {order['placed_at']}; times below are UTC")
    output.line()
    rows = [(clock_time(one.at), one.where, one.what, one.trace_id[:8], one.detail) for one in happenings]
    output.table(("time", "where", "what", "trace", "detail"), rows)
    output.line()
