"""Everything that is known about one order, gathered from three services, their databases and the broker."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar

from waybill_common.clock import parse_rfc3339, utc_now

from waybill_cli.facts.outbox import has_leader
from waybill_cli.failures import UnknownError, UnreachableError

if TYPE_CHECKING:
    from waybill_cli.application import Application
    from waybill_cli.sources.api import Api
    from waybill_cli.sources.databases import Databases
    from waybill_cli.sources.queues import QueueState

Row = Mapping[str, Any]
T = TypeVar("T")

_EVENTS = """
    SELECT l.event_id::text AS event_id, l.type, l.sequence, l.occurred_at, l.actor, l.traceparent, l.correlation_id,
           l.data ->> 'status' AS status, l.data ->> 'payment_status' AS payment_status,
           l.data ->> 'fulfillment_status' AS fulfillment_status, o.queued_at,
           d.error AS unpublished_error, d.died_at AS unpublished_at
    FROM event_log AS l LEFT JOIN outbox AS o USING (position) LEFT JOIN outbox_dead AS d USING (position)
    WHERE l.subject = %(order)s ORDER BY l.position
"""
_PAYMENTS = """
    SELECT id, attempt, status, operation, tries, lease_until, failure_code, created_at, updated_at, amount_minor,
           currency, gateway_charge_id, late, lease_until < now() AS is_overdue
    FROM payments WHERE order_id = %(order)s ORDER BY attempt
"""
# `meanwhile` are messages that the same consumer took while this one was on its way: it was at work then.
_RECEIPTS = """
    SELECT i.message_id, i.consumer, i.received_at, ARRAY(
        SELECT other.message_id FROM inbox AS other
        WHERE other.consumer = i.consumer AND other.received_at > sent.at + interval '1 second'
          AND other.received_at < i.received_at - interval '1 second' LIMIT 200) AS meanwhile
    FROM unnest(%(ids)s::text[], %(times)s::timestamptz[]) AS sent (id, at) JOIN inbox AS i ON i.message_id = sent.id
"""
# A letter that was published by hand has an id of its own, and says in its body whom it is about.
_LETTERS = """
    SELECT id::text AS id, queue, message_id, type, reason, error, first_at, last_at, count, state,
           settled_by, settled_at
    FROM dead_letter WHERE message_id = ANY(%(ids)s) OR position(convert_to(%(order)s, 'UTF8') IN body) > 0
    ORDER BY first_at
"""
_ATTEMPTS = """
    SELECT delivery_id, number, phase, phase_at FROM delivery_attempt WHERE delivery_id = ANY(%(ids)s)
"""
_OWN = "SELECT event_id::text AS event_id, occurred_at FROM event_log WHERE event_id = ANY(%(ids)s::uuid[])"


@dataclass(frozen=True)
class OrderFacts:
    """What the sources said at `now`, the time of the orders database; `missing` says which were not asked, and why.

    `meanwhile` says, by the id of a received event, what its consumer took while the event was on its way: `later`
    events of orders (so this one was held up alone), only those of `others` (so orders published none), or `nothing`.
    """

    order: Row
    now: datetime
    events: Sequence[Row] = ()
    payments: Sequence[Row] = ()
    receipts: Sequence[Row] = ()
    letters: Sequence[Row] = ()
    deliveries: Sequence[Row] = ()
    queues: Sequence[QueueState] = ()
    relay_leads: bool | None = None
    meanwhile: Mapping[str, str] = field(default_factory=dict)
    missing: Mapping[str, str] = field(default_factory=dict)


def find_order(api: Api, wanted: str) -> dict[str, Any]:
    """The order with this id or number; raises UnknownError."""
    if wanted.startswith("ord_"):
        found: dict[str, Any] = api.get("orders", f"/v1/orders/{wanted}")
        return found
    page = api.get("orders", "/v1/orders", number=wanted)["data"]
    if not page:
        raise UnknownError(f"there is no order with the number {wanted}; an id begins with ord_")
    return dict(page[0])


def gather(application: Application, wanted: str) -> OrderFacts:
    """Ask every source; one that cannot be asked is written down and costs nothing else.

    Raises UnknownError without such an order, and UnreachableError when not even the order can be read.
    """
    databases = application.databases
    order = find_order(application.api, wanted)
    key = {"order": order["id"]}
    ask, told = _Asking(), list[dict[str, Any]]()
    events = ask.rows("the event log", lambda: databases.read("orders", _EVENTS, key))
    sent = {"ids": [one["event_id"] for one in events], "times": [one["occurred_at"] for one in events], **key}
    if "the event log" in ask.missing:
        told = ask.rows("the timeline", lambda: _timeline(application.api, order["id"]))
    receipts = ask.rows("what notifier received", lambda: databases.read("notifier", _RECEIPTS, sent))
    clock = ask.rows("the clock", lambda: databases.read("orders", "SELECT clock_timestamp() AS now"))
    return OrderFacts(
        order=order,
        now=clock[0]["now"] if clock else utc_now(),
        events=events or told,
        payments=ask.rows("payment attempts", lambda: databases.read("orders", _PAYMENTS, key)),
        receipts=receipts,
        letters=ask.rows("dead letters", lambda: _letters(databases, sent)),
        deliveries=ask.rows("deliveries", lambda: _deliveries(application, order["id"])),
        queues=ask("the broker", application.queues, []),
        relay_leads=ask("the relay", lambda: has_leader(databases, "orders"), None),
        meanwhile=ask("what came meanwhile", lambda: _meanwhile(databases, events, receipts), {}),
        missing=ask.missing,
    )


class _Asking:
    """Asks a source and remembers, by what was asked, why there was no answer."""

    def __init__(self) -> None:
        self.missing: dict[str, str] = {}

    def __call__(self, what: str, question: Callable[[], T], otherwise: T) -> T:
        try:
            return question()
        except UnreachableError as error:
            self.missing[what] = error.message
            return otherwise

    def rows(self, what: str, question: Callable[[], list[dict[str, Any]]]) -> list[dict[str, Any]]:
        return self(what, question, [])


def _timeline(api: Api, order_id: str) -> list[dict[str, Any]]:
    """The events as the public timeline has them: without ids and traces, and without what the outbox knows."""
    unknown = dict.fromkeys(("event_id", "traceparent", "queued_at", "unpublished_error", "unpublished_at"))
    states = ("status", "payment_status", "fulfillment_status")
    return [
        {**unknown, **event, "occurred_at": parse_rfc3339(event["occurred_at"])}
        | {name: event["data"].get(name) for name in states}
        for event in api.pages("orders", f"/v1/orders/{order_id}/timeline", 1_000)
    ]


def _letters(databases: Databases, sent: Mapping[str, Any]) -> list[dict[str, Any]]:
    return databases.read("notifier", _LETTERS, sent) + databases.read("orders", _LETTERS, sent)


def _deliveries(application: Application, order_id: str) -> list[dict[str, Any]]:
    """The ledger's rows, oldest first, their attempts with the time of the last phase where the database says it."""
    rows = list(application.api.pages("notifier", "/v1/deliveries", 500, order_id=order_id))[::-1]
    if "notifier" not in application.target.databases:
        return rows
    phases = application.databases.read("notifier", _ATTEMPTS, {"ids": [row["id"] for row in rows]})
    at = {(phase["delivery_id"], phase["number"]): phase["phase_at"] for phase in phases}
    for row in rows:
        row["attempts"] = [one | {"phase_at": at.get((row["id"], one["number"]))} for one in row["attempts"]]
    return rows


def _meanwhile(databases: Databases, events: Sequence[Row], receipts: Sequence[Row]) -> dict[str, str]:
    every = sorted({message_id for receipt in receipts for message_id in receipt["meanwhile"]})
    rows = databases.read("orders", _OWN, {"ids": every}) if every else []
    own = {row["event_id"]: row["occurred_at"] for row in rows}
    sent = {event["event_id"]: event["occurred_at"] for event in events}
    return {
        receipt["message_id"]: _said_by(receipt["meanwhile"], own, sent[receipt["message_id"]]) for receipt in receipts
    }


def _said_by(taken: Sequence[str], own: Mapping[str, datetime], sent_at: datetime) -> str:
    """What the messages taken in the meantime say; earlier events of orders are a backlog and say nothing."""
    if any(own[one] > sent_at for one in taken if one in own):
        return "later"
    return "others" if any(one not in own for one in taken) else "nothing"
