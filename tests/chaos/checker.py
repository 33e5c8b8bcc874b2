"""Compares what clients were told with what is there: each finding is a promise that was broken."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable

from tests.chaos.facts import Facts, Row
from tests.chaos.history import History, Record

# Written here, not imported: the checker judges the notifier's table too.
MAIL_OF_EVENT = {
    "orders.order.placed": "order_placed",
    "orders.payment.captured": "payment_received",
    "orders.payment.failed": "payment_failed",
    "orders.fulfillment.shipped": "order_shipped",
    "orders.fulfillment.delivered": "order_delivered",
    "orders.order.canceled": "order_canceled",
    "orders.order.expired": "order_expired",
    "orders.refund.succeeded": "order_refunded",
}
MAIL_REQUESTED = "auth.mail.requested"

Check = Callable[[History, Facts], list[str]]


def check(history: History, facts: Facts) -> list[str]:
    """Return every finding, an empty list when each promise was kept."""
    return [finding for one in CHECKS for finding in one(history, facts)]


def placed_exactly_once(history: History, facts: Facts) -> list[str]:
    """An acknowledged order is there once; nothing else is there but what never got a final answer."""
    by_key = defaultdict(list)
    for note in facts["notes"]:
        by_key[note["text"]].append(note["order_id"])
    findings, asked = [], set()
    for record in history.of("place"):
        key, orders = record.command.key, by_key[record.command.key]
        asked.add(key)
        if record.status == 201 and orders != [record.answer["id"]]:
            findings.append(f"order {record.answer['id']} was acknowledged, found for its key: {orders}")
        if record.status is not None and record.status >= 400 and orders:
            findings.append(f"place {key} was refused with {record.status}, yet made {orders}")
        if len(orders) > 1:
            findings.append(f"place {key} made {len(orders)} orders")
    noted = {note["order_id"] for note in facts["notes"]}
    findings += [f"order {row['id']} was asked for by nobody" for row in facts["orders"] if row["id"] not in noted]
    return findings + [f"an order was placed for the unknown key {key}" for key in by_key.keys() - asked]


def replays_are_equal(history: History, _facts: Facts) -> list[str]:
    """The same key again gets the same answer."""
    return [f"{r.command.kind} {r.command.key} was answered differently" for r in history.all() if r.answers_differ]


def commands_hold(history: History, facts: Facts) -> list[str]:
    """Every acknowledged payment, cancellation, shipment and refund is in the database, once per command."""
    tables = {"pay": "payments", "refund": "refunds", "ship": "fulfillments"}
    findings = []
    for kind, table in tables.items():
        ids = Counter(row["id"] for row in facts[table])
        done = Counter(_made(record) for record in history.of(kind) if record.status == 201)
        findings += [f"{kind}: {one} was acknowledged and is not there" for one in done if not ids[one]]
        findings += [f"{kind}: {one} was the answer of {n} commands" for one, n in done.items() if n > 1]
    status = {row["id"]: row["status"] for row in facts["orders"]}
    for record in history.of("cancel"):
        order_id = record.command.path.split("/")[3]
        if record.status == 200 and status.get(order_id) != "canceled":
            findings.append(f"the cancellation of {order_id} was acknowledged, its status is {status.get(order_id)}")
    delivered = {row["id"] for row in facts["fulfillments"] if row["status"] == "delivered"}
    for record in history.of("deliver"):
        if record.status == 200 and record.command.path.split("/")[5] not in delivered:
            findings.append(f"{record.command.path} was acknowledged and is not delivered")
    return findings


def sequences_have_no_gap(_history: History, facts: Facts) -> list[str]:
    """Per order the events are numbered 1, 2, 3 … to its version."""
    sequences = defaultdict(list)
    for event in facts["orders_events"]:
        if event["sequence"] is not None:
            sequences[event["subject"]].append(event["sequence"])
    return [
        f"order {row['id']} has version {row['version']} and the events {sequences[row['id']]}"
        for row in facts["orders"]
        if sequences[row["id"]] != list(range(1, row["version"] + 1))
    ]


def events_arrive_once(_history: History, facts: Facts) -> list[str]:
    """Each event the notifier acts on has its row in the inbox, and the inbox knows no event that was not committed."""
    committed = facts["orders_events"] + facts["auth_events"]
    awaited = {event["event_id"] for event in committed if event["type"] in {*MAIL_OF_EVENT, MAIL_REQUESTED}}
    arrived = {row["message_id"] for row in facts["notifier_inbox"]}
    return [f"event {one} was committed and never arrived" for one in sorted(awaited - arrived)] + [
        f"event {one} arrived and was never committed"
        for one in sorted(arrived - {event["event_id"] for event in committed})
    ]


def mails_are_sent_once(_history: History, facts: Facts) -> list[str]:
    """Each event that asks for a mail has one delivery; each delivery is sent, and lies in the mailbox once."""
    wanted = Counter(
        (event["event_id"], MAIL_OF_EVENT.get(event["type"]) or event["data"]["purpose"])
        for event in facts["orders_events"] + facts["auth_events"]
        if event["type"] in MAIL_OF_EVENT or event["type"] == MAIL_REQUESTED
    )
    made = Counter((row["event_id"], row["template"]) for row in facts["deliveries"])
    findings = [f"{template} of event {event} has no delivery" for event, template in wanted - made]
    findings += [f"{template} of event {event} has a delivery too many" for event, template in made - wanted]
    boxed: dict[str, list[Row]] = defaultdict(list)
    for mail in facts.mails:
        boxed[str(mail["headers"].get("X-Waybill-Delivery"))].append(mail)
    ambiguous, held = ambiguous_deliveries(facts), held_deliveries(facts)
    for row in facts["deliveries"]:
        copies = boxed.pop(row["id"], [])
        most = 2 if row["id"] in ambiguous else 1
        may_be_absent = row["state"] == "skipped" or row["id"] in held
        if not (may_be_absent and not copies) and not 1 <= len(copies) <= most:
            findings.append(f"{row['template']} {row['id']} ({row['state']}) lies {len(copies)} times in the mailbox")
        if len({copy["message_id"] for copy in copies}) > 1:
            findings.append(f"the copies of {row['id']} have different Message-IDs")
    return findings + [f"a mail of the unknown delivery {one} arrived" for one in boxed]


def held_deliveries(facts: Facts) -> set[str]:
    """Return the deliveries that broke off in that window a second time: they are held, and a person decides."""
    breaks = Counter(row["delivery_id"] for row in _broken_off(facts))
    return {row["id"] for row in facts["deliveries"] if row["state"] == "held" and breaks[row["id"]] >= 2}


def ambiguous_deliveries(facts: Facts) -> set[str]:
    """Return the deliveries with an attempt that broke off after `data_sent`: the window that SMTP leaves open."""
    return {row["delivery_id"] for row in _broken_off(facts)}


def _broken_off(facts: Facts) -> list[Row]:
    return [row for row in facts["attempts"] if row["phase"] == "data_sent" and row["outcome"] != "sent"]


def stock_is_conserved(_history: History, facts: Facts) -> list[str]:
    """Nothing is oversold; what is reserved is what live orders hold; what left is what was shipped."""
    live = {row["id"] for row in facts["orders"] if row["status"] in {"pending", "confirmed"}}
    held: Counter[str] = Counter()
    for line in facts["lines"]:
        open_units = line["quantity"] - line["quantity_canceled"] - line["quantity_shipped"]
        held[line["sku"]] += open_units if line["order_id"] in live else 0
    moved = {row["sku"]: row["delta"] for row in facts["movements"]}
    findings = []
    for row in facts["stock"]:
        if not 0 <= row["reserved"] <= row["on_hand"]:
            findings.append(f"{row['sku']}: {row['reserved']} reserved of {row['on_hand']}")
        if row["reserved"] != held[row["sku"]]:
            findings.append(f"{row['sku']}: {row['reserved']} reserved, live orders hold {held[row['sku']]}")
        if row["on_hand"] != moved.get(row["sku"], 0):
            findings.append(f"{row['sku']}: {row['on_hand']} on hand, the movements sum to {moved.get(row['sku'], 0)}")
    return findings


def money_is_conserved(_history: History, facts: Facts) -> list[str]:
    """What the gateway took and gave back for an order is what the order says; one charge for each attempt."""
    took: Counter[str] = Counter()
    gave: Counter[str] = Counter()
    for charge in facts["charges"]:
        order_id = charge["reference"].split(":")[1]
        took[order_id] += charge["captured_minor"]
        gave[order_id] += charge["refunded_minor"]
    findings = [
        f"order {row['id']}: captured {row['captured_minor']} (gateway {took[row['id']]}), "
        f"refunded {row['refunded_minor']} (gateway {gave[row['id']]})"
        for row in facts["orders"]
        if (row["captured_minor"], row["refunded_minor"]) != (took[row["id"]], gave[row["id"]])
    ]
    references = Counter(charge["reference"] for charge in facts["charges"])
    findings += [f"{reference} was charged {count} times" for reference, count in references.items() if count > 1]
    known = {row["id"] for row in facts["orders"]}
    return findings + [f"the gateway took money for the unknown order {one}" for one in took.keys() - known]


def nothing_is_left_over(_history: History, facts: Facts) -> list[str]:
    """No dead letter, no event that could not be published, no failed job, nothing unrouted."""
    return [f"{count} in {name}" for name, count in facts.lost.items() if count]


CHECKS: tuple[Check, ...] = (
    placed_exactly_once,
    replays_are_equal,
    commands_hold,
    sequences_have_no_gap,
    events_arrive_once,
    mails_are_sent_once,
    stock_is_conserved,
    money_is_conserved,
    nothing_is_left_over,
)


def _made(record: Record) -> str:
    """Return the id that a command made, whether its answer is that thing or the order around it."""
    fulfillments = record.answer.get("fulfillments")
    return str(fulfillments[-1]["id"] if fulfillments else record.answer["id"])
