"""What the facts of an order mean: what waits and for whom, what was slow, what died and came back."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from waybill_common.clock import parse_rfc3339

from waybill_cli.facts.order import OrderFacts, Row
from waybill_cli.facts.timeline import answer_of
from waybill_cli.output import Finding, age, clock_time

# An idle platform needs some ten milliseconds for each of these; what took this long met something.
SLOW_PUBLISH = timedelta(seconds=5)
SLOW_ATTEMPT = timedelta(seconds=3)

_WAITING_MAIL = {"queued", "sending", "held", "uncertain"}
_FAILED_MAIL = {"failed", "exhausted", "bounced", "complained", "suppressed"}


def explain(facts: OrderFacts) -> list[Finding]:
    """Everything about this order that an operator should know, what is open and what has passed."""
    return [
        *_not_asked(facts),
        *_unpaid(facts),
        *_unpublished(facts),
        *_unread(facts),
        *_late(facts),
        *_dead_letters(facts.letters),
        *_payments(facts),
        *(finding for delivery in facts.deliveries for finding in _mail(delivery, facts.now)),
    ]


def _not_asked(facts: OrderFacts) -> Iterator[Finding]:
    for what, why in facts.missing.items():
        yield Finding(what, f"not looked at: {why}", is_open=True)


def _unpaid(facts: OrderFacts) -> Iterator[Finding]:
    expires_at = facts.order.get("expires_at")
    if facts.order["status"] != "pending" or expires_at is None:
        return
    late = facts.now - parse_rfc3339(expires_at)
    if late > timedelta(minutes=1):
        text = f"its time to pay ended {age(late)} ago and it has not expired"
        yield Finding("order", text, is_open=True, do="waybill stuck shows whether orders' worker runs its jobs")


def _unpublished(facts: OrderFacts) -> Iterator[Finding]:
    waiting = [event for event in facts.events if event["queued_at"] is not None]
    if waiting:
        since = min(event["queued_at"] for event in waiting)
        late = facts.now - since
        why = {
            True: "a relay leads, so the broker does not confirm or is blocked",
            False: "no relay leads: nobody publishes for orders",
            None: "whether a relay leads is not known",
        }[facts.relay_leads]
        yield Finding(
            "outbox",
            f"{len(waiting)} event(s) wait to be published, the oldest for {age(late)}: {why}",
            is_open=late > SLOW_PUBLISH or facts.relay_leads is False,
            do="nothing is lost; start orders' relay, then they leave by themselves (waybill outbox, waybill queues)",
        )
    for event in facts.events:
        if event["unpublished_error"] is not None:
            text = f"{event['type']} (#{event['sequence']}) was put aside: {event['unpublished_error']}"
            yield Finding("outbox", text, is_open=True, do="mend the cause, then insert its position into outbox again")


def _unread(facts: OrderFacts) -> Iterator[Finding]:
    """Published events without a receipt, while something waits at the broker; notifier takes no note of some types."""
    told = {receipt["message_id"] for receipt in facts.receipts} | {letter["message_id"] for letter in facts.letters}
    left = [one for one in facts.events if one["queued_at"] is None and one["unpublished_error"] is None]
    unread = [one["type"].removeprefix("orders.") for one in left if one["event_id"] not in told]
    queues = [queue for queue in facts.queues if queue.name.startswith("notifier.") and queue.ready is not None]
    main = next((queue for queue in queues if queue.name == "notifier.events.v1"), None)
    on_rungs = sum(queue.ready or 0 for queue in queues if ".retry." in queue.name)
    if not unread or main is None or not (main.ready or on_rungs or not main.consumers):
        return
    text = f"{', '.join(unread)} left the outbox and is not received: {main.ready} messages wait in {main.name}, "
    text += f"{main.consumers} consumers read it, {on_rungs} climb the retry ladder"
    yield Finding("queue", text, is_open=not main.consumers, do="" if main.consumers else "start notifier's consumer")


def _late(facts: OrderFacts) -> Iterator[Finding]:
    """Events that reached their reader late, told together when they were late for one reason."""
    died = {letter["message_id"] for letter in facts.letters}
    sent = {event["event_id"]: event for event in facts.events}
    groups: dict[str, list[tuple[Row, datetime]]] = {}
    for receipt in facts.receipts:
        event = sent[receipt["message_id"]]
        if receipt["message_id"] not in died and receipt["received_at"] - event["occurred_at"] > SLOW_PUBLISH:
            reason = facts.meanwhile.get(receipt["message_id"], "nothing")
            groups.setdefault(reason, []).append((event, receipt["received_at"]))
    for reason, late in groups.items():
        names = ", ".join(event["type"].removeprefix("orders.") for event, _ in late)
        began, ended = min(event["occurred_at"] for event, _ in late), max(at for _, at in late)
        yield Finding(
            {"others": "relay", "later": "retry"}.get(reason, "relay or consumer"),
            f"{names} reached notifier {age(ended - began)} late ({clock_time(began)} to {clock_time(ended)}): "
            + _WHY_LATE[reason],
            is_open=False,
        )


_WHY_LATE = {
    "others": "the consumer took messages of others meanwhile, and none of orders: orders' relay was away",
    "later": "later events of orders came through meanwhile: this one failed and climbed the retry ladder",
    "nothing": "the consumer took nothing meanwhile: orders' relay, the broker or the consumer was away",
}


def _dead_letters(letters: Sequence[Row]) -> Iterator[Finding]:
    for letter in letters:
        name = letter["type"] or "a message"
        died = f"{name} could not be handled from {letter['queue']} ({letter['reason']}: {letter['error']})"
        settled = f"{letter['settled_by']} at {letter['settled_at']:%H:%M:%S}" if letter["settled_at"] else ""
        service = letter["queue"].partition(".")[0]
        if letter["state"] == "open":
            do = f"mend the cause, then: waybill dead-letters replay {service} {letter['id']}"
            yield Finding("dead letter", f"{died}; it waits for a person, died {letter['count']} times", True, do)
        elif letter["state"] == "replay_requested":
            text = f"{died}; {settled} asked for its replay, which the consumer has not done yet"
            yield Finding("dead letter", text, is_open=True, do=f"waybill queues shows whether {service} consumes")
        else:
            text = f"{died}; {letter['state']} by {settled}, after {letter['count']} death(s)"
            yield Finding("dead letter", text, is_open=False)


def _payments(facts: OrderFacts) -> Iterator[Finding]:
    for payment in facts.payments:
        what = f"payment {payment['id']}"
        if payment["operation"] is not None:
            text = f"{payment['operation']} is in flight since {age(facts.now - payment['updated_at'])}"
            text += f", {payment['tries']} tries"
            overdue = bool(payment["is_overdue"])
            do = (
                "orders' worker asks the gateway again by itself; waybill stuck shows whether it runs"
                if overdue
                else ""
            )
            yield Finding(what, text + (", its lease is over" if overdue else ""), is_open=overdue, do=do)
        elif payment["status"] in {"declined", "failed"}:
            yield Finding(what, f"{payment['status']}: {payment['failure_code']}", is_open=False)


def _mail(delivery: Row, now: datetime) -> Iterator[Finding]:
    name = f"mail {delivery['template']}"
    for attempt in delivery["attempts"]:
        yield from _attempt(name, attempt, now)
    waits_until = delivery["next_attempt_at"]
    if delivery["state"] in _WAITING_MAIL and len(delivery["attempts"]) > 0 and waits_until is not None:
        tried = len(delivery["attempts"])
        yield Finding(
            name,
            f"{delivery['state']} after {tried} attempt(s), next at {waits_until}, ends at {delivery['expires_at']}",
            is_open=parse_rfc3339(waits_until) < now - SLOW_ATTEMPT,
            do=f"POST /v1/deliveries/{delivery['id']}/retry sends it sooner" if delivery["state"] == "held" else "",
        )
    if delivery["state"] in {"skipped", "canceled"}:
        yield Finding(name, f"{delivery['state']}: {delivery['reason'] or 'by the staff'}", is_open=False)
    if delivery["state"] in _FAILED_MAIL:
        do = f"POST /v1/deliveries/{delivery['id']}/retry sends it again once the cause is mended"
        yield Finding(name, f"{delivery['state']}: {delivery['reason'] or 'no reason was written'}", True, do)


def _attempt(name: str, attempt: Row, now: datetime) -> Iterator[Finding]:
    began = parse_rfc3339(attempt["started_at"])
    what = f"{name}: attempt {attempt['number']}"
    if attempt["finished_at"] is None:
        if now - began > SLOW_ATTEMPT:
            there = age(now - (attempt.get("phase_at") or began))
            text = f"runs for {age(now - began)}, in phase {attempt['phase']} for {there}: the mail server is slow"
            yield Finding(what, text, is_open=True, do="it ends by its own timeouts; look at the mail server")
        return
    took = parse_rfc3339(attempt["finished_at"]) - began
    if took > SLOW_ATTEMPT:
        text = f"the mail server was slow: {age(took)} from the claim to the answer ({answer_of(attempt)})"
        yield Finding(what, text, is_open=False)
    if attempt["outcome"] != "sent":
        yield Finding(what, f"{attempt['outcome']} after {age(took)}: {answer_of(attempt)}", is_open=False)
