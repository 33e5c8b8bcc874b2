"""Everything that is past its deadline, and why: one question for each kind of work that can wait."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from waybill_cli.config import SERVICES
from waybill_cli.facts.outbox import PUBLISHERS, unpublishable, waiting
from waybill_cli.facts.queue_faults import queue_faults
from waybill_cli.failures import UnreachableError

if TYPE_CHECKING:
    from waybill_cli.application import Application

_MOST = {"most": 50}


@dataclass(frozen=True)
class Stuck:
    """Something that waits too long: `late` is the time since it was due, None where nobody can tell."""

    kind: str
    service: str
    subject: str
    late: timedelta | None
    why: str
    do: str


Question = Callable[["Application", timedelta], Iterator[Stuck]]

_JOBS = """
    SELECT l.lane, j.id, j.kind, j.attempt, j.error, now() - l.next_at AS late, l.token IS NOT NULL AS is_claimed
    FROM job_lane AS l LEFT JOIN LATERAL (
        SELECT * FROM job WHERE job.lane = l.lane AND job.state = 'pending' ORDER BY job.id LIMIT 1) AS j ON true
    WHERE l.next_at < now() - %(over)s ORDER BY l.next_at LIMIT %(most)s
"""
_FAILED_JOBS = """
    SELECT id, kind, lane, error, now() - finished_at AS late FROM job
    WHERE state = 'failed' AND finished_at > now() - interval '1 day' ORDER BY finished_at DESC LIMIT %(most)s
"""
_DELIVERIES = """
    SELECT d.id, d.template, d.state, d.reason, d.attempts, a.phase, a.outcome, a.smtp_code, a.smtp_text,
           now() - coalesce(d.next_attempt_at, d.updated_at) AS late
    FROM delivery AS d LEFT JOIN delivery_attempt AS a ON a.delivery_id = d.id AND a.number = d.attempts
    WHERE d.state IN ('queued', 'sending', 'uncertain') AND coalesce(d.next_attempt_at, d.updated_at) < now() - %(over)s
       OR d.state = 'held'
       OR d.state IN ('failed', 'exhausted') AND d.updated_at > now() - interval '1 day'
    ORDER BY d.id LIMIT %(most)s
"""
_PAYMENTS = """
    SELECT id, order_id, operation, tries, now() - lease_until AS late FROM payments
    WHERE operation IS NOT NULL AND lease_until < now() - %(over)s ORDER BY lease_until LIMIT %(most)s
"""
_REFUNDS = """
    SELECT id, order_id, now() - coalesce(lease_until, created_at) AS late FROM refunds
    WHERE status = 'pending' AND coalesce(lease_until, created_at) < now() - %(over)s ORDER BY id LIMIT %(most)s
"""
_UNPAID = """
    SELECT id, number, now() - expires_at AS late FROM orders
    WHERE status = 'pending' AND expires_at < now() - %(over)s
      AND (payment_pending_until IS NULL OR payment_pending_until < now()) ORDER BY expires_at LIMIT %(most)s
"""
_LETTERS = """
    SELECT id::text AS id, queue, type, reason, error, count, state, clock_timestamp() - first_at AS late
    FROM dead_letter WHERE state IN ('open', 'replay_requested') ORDER BY id LIMIT %(most)s
"""


def outbox(application: Application, over: timedelta) -> Iterator[Stuck]:
    """Events that wait for the broker, and those that it refused."""
    for service in PUBLISHERS:
        found = waiting(application.databases, service)
        late, led_by = found["oldest_age"], found["leader"]
        if led_by is None:
            text = f"no relay leads; {found['waiting']} events wait"
            yield Stuck("outbox", service, "relay", late, text, f"start {service}'s relay; nothing is lost meanwhile")
        elif late is not None and late > over:
            text = f"{found['waiting']} events wait although {led_by['application_name']} (pid {led_by['pid']}) leads"
            do = "waybill queues: is the broker reachable, or does an alarm block it?"
            yield Stuck("outbox", service, "broker", late, text, do)
        for row in unpublishable(application.databases, service, **_MOST):
            do = "mend the cause, then: INSERT INTO outbox (position) VALUES (…)"
            yield Stuck("outbox", service, f"position {row['position']} ({row['type']})", None, row["error"], do)


def jobs(application: Application, over: timedelta) -> Iterator[Stuck]:
    """Work that is due and that no worker takes, and what failed for good within a day."""
    for service in SERVICES:
        for row in application.databases.read(service, _JOBS, {"over": over, **_MOST}):
            why = "its worker died and no other takes the lane" if row["is_claimed"] else "no worker takes it"
            why += f"; last error: {row['error']}" if row["error"] else ""
            subject = f"{row['kind']} ({row['lane']})"
            yield Stuck("job", service, subject, row["late"], why, f"start or restart {service}'s worker")
        for row in application.databases.read(service, _FAILED_JOBS, _MOST):
            do = f"a job that failed is not run again; look for {row['kind']} in {service}'s log"
            yield Stuck("job", service, f"{row['kind']} ({row['lane']})", row["late"], f"failed: {row['error']}", do)


def deliveries(application: Application, over: timedelta) -> Iterator[Stuck]:
    """Mails that are due and not sent, held back, or given up within a day."""
    for row in application.databases.read("notifier", _DELIVERIES, {"over": over, **_MOST}):
        said = " ".join(str(row[name]) for name in ("outcome", "phase", "smtp_code", "smtp_text") if row[name])
        state = f"{row['state']} ({row['reason']})" if row["reason"] else row["state"]
        why = f"{state} after {row['attempts']} attempts: {said or 'untried'}"
        ends = row["state"] in {"failed", "exhausted", "held"}
        do = f"POST /v1/deliveries/{row['id']}/retry, once the cause is mended" if ends else "look at notifier's worker"
        yield Stuck("delivery", "notifier", f"{row['template']} {row['id']}", row["late"], why, do)


def money(application: Application, over: timedelta) -> Iterator[Stuck]:
    """Gateway commands that nobody ends, refunds on their way, and orders whose time to pay is over."""
    worker = "orders' worker ends it by asking the gateway; does it run?"
    for row in application.databases.read("orders", _PAYMENTS, {"over": over, **_MOST}):
        why = f"{row['operation']} at the gateway, {row['tries']} tries, lease over"
        yield Stuck("payment", "orders", f"{row['id']} of {row['order_id']}", row["late"], why, worker)
    for row in application.databases.read("orders", _REFUNDS, {"over": over, **_MOST}):
        yield Stuck("refund", "orders", f"{row['id']} of {row['order_id']}", row["late"], "pending", worker)
    for row in application.databases.read("orders", _UNPAID, {"over": over, **_MOST}):
        why = "its time to pay is over and it has not expired"
        yield Stuck("order", "orders", f"{row['number']} {row['id']}", row["late"], why, "does orders' worker run?")


def dead_letters(application: Application, _over: timedelta) -> Iterator[Stuck]:
    """Messages that wait for a person, or for the consumer to replay them."""
    for service in ("notifier", "orders"):
        for row in application.databases.read(service, _LETTERS, _MOST):
            why = f"{row['reason']}: {row['error']} ({row['count']} deaths, {row['state']})"
            do = f"mend the cause, then: waybill dead-letters replay {service} {row['id']}"
            yield Stuck("dead letter", service, row["type"] or row["id"], row["late"], why, do)


def queues(application: Application, _over: timedelta) -> Iterator[Stuck]:
    """Messages at the broker that nobody reads."""
    for fault in queue_faults(application.queues()):
        yield Stuck("queue", fault.queue.partition(".")[0], fault.queue, None, fault.why, fault.do)


QUESTIONS: tuple[Question, ...] = (outbox, queues, dead_letters, jobs, deliveries, money)


def all_stuck(application: Application, over: timedelta, questions: Iterator[Question]) -> list[Stuck]:
    """Ask all; a source that does not answer is in the list itself, because nobody can say what waits there."""
    application.target  # noqa: B018 - without one there is nothing to ask, and that is said at once
    found: list[Stuck] = []
    for question in questions:
        try:
            found += question(application, over)
        except UnreachableError as error:
            found.append(Stuck("not looked at", "", question.__name__, None, error.message, "reach it, then ask again"))
    return found


def as_row(one: Stuck) -> dict[str, Any]:
    """The item with its lateness in seconds, for machines."""
    late = None if one.late is None else one.late.total_seconds()
    return {**one.__dict__, "late": late}
