"""One timeline of an order across the services: what happened when, where, and in which trace."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from waybill_common.clock import parse_rfc3339

from waybill_cli.facts.order import OrderFacts, Row
from waybill_cli.output import age


@dataclass(frozen=True)
class Happening:
    """A line of the timeline; `trace_id` finds it in the tracing system, `ref` in the service that says so."""

    at: datetime
    where: str
    what: str
    detail: str = ""
    ref: str = ""
    trace_id: str = ""


def timeline(facts: OrderFacts) -> list[Happening]:
    """Everything that happened to the order, in the order of time."""
    happenings = [*_events(facts), *_payments(facts), *_receipts(facts), *_letters(facts)]
    for delivery in facts.deliveries:
        happenings += _mail(delivery)
    return sorted(happenings, key=lambda one: one.at)


def _events(facts: OrderFacts) -> Iterator[Happening]:
    for event in facts.events:
        state = "/".join(filter(None, (event["status"], event["payment_status"], event["fulfillment_status"])))
        detail = f"#{event['sequence']} {state} by {event['actor']}"
        if event["queued_at"] is not None:
            detail += ", still in the outbox"
        name = event["type"].removeprefix("orders.")
        yield Happening(event["occurred_at"], "orders", name, detail, event["event_id"] or "", _trace_id(event))
        if event["unpublished_at"] is not None:
            yield Happening(event["unpublished_at"], "orders relay", f"{name} put aside", event["unpublished_error"])


def _payments(facts: OrderFacts) -> Iterator[Happening]:
    for payment in facts.payments:
        what = f"payment attempt {payment['attempt']}"
        amount = f"{payment['amount_minor']} {payment['currency']} minor"
        yield Happening(payment["created_at"], "orders", f"{what} begun", amount, payment["id"])
        outcome = payment["status"] if payment["operation"] is None else f"{payment['operation']} in flight"
        why = f" ({payment['failure_code']})" if payment["failure_code"] else ""
        detail = f"tries {payment['tries']}, charge {payment['gateway_charge_id'] or 'none'}"
        yield Happening(payment["updated_at"], "gateway", f"{what}: {outcome}{why}", detail, payment["id"])


def _receipts(facts: OrderFacts) -> Iterator[Happening]:
    sent = {event["event_id"]: event for event in facts.events}
    for receipt in facts.receipts:
        event = sent[receipt["message_id"]]
        detail = f"{age(receipt['received_at'] - event['occurred_at'])} after it happened"
        what = f"received {event['type'].removeprefix('orders.')}"
        yield Happening(
            receipt["received_at"], receipt["consumer"], what, detail, receipt["message_id"], _trace_id(event)
        )


def _letters(facts: OrderFacts) -> Iterator[Happening]:
    for letter in facts.letters:
        what = letter["type"].removeprefix("orders.") or "message"
        detail = f"{letter['reason']}: {letter['error']}"
        ref = letter["message_id"] or ""
        yield Happening(letter["first_at"], letter["queue"], f"could not handle {what}", detail, ref)
        if letter["count"] > 1:
            yield Happening(letter["last_at"], letter["queue"], f"failed again, {letter['count']} times", detail, ref)
        if letter["settled_at"] is not None:
            words = {"replay_requested": "replay asked for", "replayed": "replayed", "discarded": "discarded"}
            what = f"dead letter {words[letter['state']]}"
            yield Happening(letter["settled_at"], letter["queue"], what, f"by {letter['settled_by']}", ref)


def _mail(delivery: Row) -> Iterator[Happening]:
    name = f"mail {delivery['template']}"
    created = parse_rfc3339(delivery["created_at"])
    yield Happening(created, "notifier", f"{name} queued", f"event {delivery['event_id']}", delivery["id"])
    for attempt in delivery["attempts"]:
        began = parse_rfc3339(attempt["started_at"])
        what = f"{name}: attempt {attempt['number']}"
        yield Happening(began, "notifier", f"{what} begun", "", delivery["id"])
        if attempt["finished_at"] is not None:
            ended = parse_rfc3339(attempt["finished_at"])
            detail = f"{age(ended - began)}, {answer_of(attempt)}"
            yield Happening(ended, "smtp", f"{what}: {attempt['outcome']}", detail, delivery["id"])
    for change in delivery["transitions"]:
        if change["cause"] == "staff":
            what = f"{name}: {change['from_state']} → {change['to_state']}"
            yield Happening(parse_rfc3339(change["at"]), "notifier", what, f"by {change['actor']}", delivery["id"])


def answer_of(attempt: Row) -> str:
    """What the mail server said, or how far the attempt came."""
    if attempt["smtp_code"] is None:
        return f"phase {attempt['phase']}"
    text, enhanced = attempt["smtp_text"] or "", attempt["smtp_enhanced"] or ""
    said = f"{attempt['smtp_code']} {text if text.startswith(enhanced) else f'{enhanced} {text}'}".strip()
    return f"{said} at {attempt['stage'] or attempt['phase']}"


def _trace_id(event: Row) -> str:
    """The trace of a W3C traceparent: version-trace-span-flags."""
    parts: list[Any] = (event["traceparent"] or "").split("-")
    return str(parts[1]) if len(parts) == 4 else ""
