"""`waybill dead-letters`: what could not be handled, why, and the two ways to settle it."""

from __future__ import annotations

from typing import Any

import click

from waybill_cli.application import Application, json_option, pass_application
from waybill_cli.config import SERVICES
from waybill_cli.output import Finding

_STATES = ("open", "replay_requested", "replayed", "discarded")
_CONSUMERS = ("notifier", "orders")
_service = click.argument("service", type=click.Choice(SERVICES))
_letter = click.argument("letter")


@click.group("dead-letters")
def dead_letters() -> None:
    """List, show, replay or discard messages that could not be handled."""


@dead_letters.command("list")
@click.option("--service", type=click.Choice(SERVICES), help="Of this service alone; of all that consume otherwise.")
@click.option("--state", type=click.Choice([*_STATES, "all"]), default="open", show_default=True)
@click.option("--reason", help="With this reason alone.")
@click.option("--limit", default=100, show_default=True, type=click.IntRange(1, 10_000), help="At most so many each.")
@json_option
@pass_application
def list_letters(application: Application, service: str | None, state: str, reason: str | None, limit: int) -> None:
    """List letters, newest first; exit status 1 when one waits for a person."""
    wanted = {"state": None if state == "all" else state, "reason": reason}
    found = [
        {"service": name, **letter}
        for name in ((service,) if service else _CONSUMERS)
        for letter in application.api.pages(name, "/v1/dead-letters", limit, **wanted)
    ]
    if not application.output.as_json:
        columns = ("service", "id", "state", "count", "first_at", "type", "reason", "error")
        application.output.table(columns, ([letter[column] for column in columns] for letter in found))
    waiting = sum(letter["state"] == "open" for letter in found)
    text = f"{waiting} of {len(found)} wait for a person"
    do = "waybill dead-letters show SERVICE ID; docs/how-to/replay-a-dead-letter.md"
    findings = [Finding("dead letters", text, is_open=True, do=do)] if waiting else []
    application.finish(findings, dead_letters=found)


@dead_letters.command()
@_service
@_letter
@json_option
@pass_application
def show(application: Application, service: str, letter: str) -> None:
    """Show one letter with its headers and body."""
    found = application.api.get(service, f"/v1/dead-letters/{letter}")
    if not application.output.as_json:
        _say(application, service, found)
        application.output.line(f"headers     {found['headers']}")
        application.output.line(found["body"])
    application.finish(dead_letter={"service": service, **found})


@dead_letters.command()
@_service
@_letter
@click.option("--wait/--no-wait", default=True, help="Wait until the consumer has sent it to its queue again.")
@json_option
@pass_application
def replay(application: Application, service: str, letter: str, *, wait: bool) -> None:
    """Send a letter to its one queue again; the inbox stands in the way of a second effect.

    Exit status 1 when it was not replayed within a minute, or died again.
    """
    found = application.api.post(service, f"/v1/dead-letters/{letter}/replay")
    if wait:
        found = _await_replay(application, service, letter)
    if not application.output.as_json:
        _say(application, service, found)
    findings = []
    if wait and found["state"] == "replay_requested":
        text = "the consumer has not acted on it"
        findings.append(Finding("replay", text, is_open=True, do=f"waybill queues shows whether {service} consumes"))
    if found["state"] == "open":
        findings.append(Finding("replay", f"it died again: {found['reason']}: {found['error']}", is_open=True))
    application.finish(findings, dead_letter={"service": service, **found})


@dead_letters.command()
@_service
@_letter
@click.confirmation_option(prompt="The message will never be handled. Discard it?")
@json_option
@pass_application
def discard(application: Application, service: str, letter: str) -> None:
    """Close a letter without a replay; the row stays, with who closed it and when."""
    found = application.api.post(service, f"/v1/dead-letters/{letter}/discard")
    if not application.output.as_json:
        _say(application, service, found)
    application.finish(dead_letter={"service": service, **found})


def _await_replay(application: Application, service: str, letter: str, within_seconds: float = 60.0) -> Any:
    """The letter once it is no longer `replay_requested`, or as it is when the time is over; shows a progress bar."""
    from waybill_cli.progress import poll

    return poll(
        lambda: application.api.get(service, f"/v1/dead-letters/{letter}"),
        lambda found: found["state"] != "replay_requested",
        within_seconds,
        "waiting for the consumer",
    )


def _say(application: Application, service: str, letter: Any) -> None:
    settled = f", by {letter['settled_by']} at {letter['settled_at']}" if letter["settled_at"] else ""
    application.output.line(f"{letter['type'] or 'message'} {letter['message_id']} in {letter['queue']}", "bold")
    for name, value in (
        ("letter", f"{letter['id']} of {service}"),
        ("state", f"{letter['state']}{settled}"),
        ("died", f"{letter['count']} times, {letter['first_at']} to {letter['last_at']}"),
        ("reason", letter["reason"]),
        ("error", letter["error"]),
    ):
        application.output.line(f"{name:<11} {value}")
