"""What the databases, the queues, the mailbox and the gateway hold at the end: read by plain SQL, AMQP and HTTP."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

import pika
import pika.exceptions
import psycopg2
import psycopg2.extras
import requests

Row = dict[str, Any]

_REST_SECONDS = 300.0

# Written here, not imported: the checker judges the topology too.
QUEUES = ("notifier.events.v1", "orders.events.v1")
_PARKED = ("waybill.unrouted",)
_RUNGS = ("retry.5s", "retry.1m", "retry.10m", "dlq")

_READ = {
    "orders": {
        "orders": "SELECT * FROM orders",
        "lines": "SELECT * FROM order_lines",
        "notes": "SELECT * FROM order_notes",
        "payments": "SELECT * FROM payments",
        "refunds": "SELECT * FROM refunds",
        "fulfillments": "SELECT * FROM fulfillments",
        "stock": "SELECT * FROM stock",
        "movements": "SELECT sku, sum(delta)::bigint AS delta FROM stock_movements GROUP BY sku",
        "orders_events": "SELECT event_id::text, type, subject, sequence, data FROM event_log ORDER BY position",
        "orders_inbox": "SELECT message_id FROM inbox",
    },
    "auth": {"auth_events": "SELECT event_id::text, type, subject, sequence, data FROM event_log ORDER BY position"},
    "notifier": {
        "notifier_inbox": "SELECT message_id FROM inbox",
        "deliveries": "SELECT id, event_id::text, template, message_id, state FROM delivery",
        "attempts": "SELECT delivery_id, number, phase, outcome FROM delivery_attempt",
    },
    "sandbox": {"charges": "SELECT * FROM charges"},
}

# What must have come to rest before anything is judged; each counts what has not.
_UNREST = {
    "auth": {"outbox": "SELECT count(*) FROM outbox"},
    "orders": {
        "outbox": "SELECT count(*) FROM outbox",
        "payments in flight": "SELECT count(*) FROM payments WHERE operation IS NOT NULL",
        "refunds in flight": "SELECT count(*) FROM refunds WHERE status = 'pending'",
        "unfinished keys": "SELECT count(*) FROM idempotency WHERE status IS NULL",
        "jobs": "SELECT count(*) FROM job WHERE state = 'pending' AND every_seconds IS NULL",
    },
    "notifier": {
        "jobs": "SELECT count(*) FROM job WHERE state = 'pending' AND every_seconds IS NULL",
        # Held as ambiguous is at rest: it broke off twice after `data_sent`, and waits for a person (messaging.md §11).
        "deliveries": "SELECT count(*) FROM delivery WHERE state IN ('queued', 'sending', 'uncertain') "
        "OR state = 'held' AND reason IS DISTINCT FROM 'ambiguous'",
    },
    "sandbox": {
        "webhooks": "SELECT count(*) FROM webhooks WHERE delivered_at IS NULL",
        "charges": "SELECT count(*) FROM charges WHERE status = 'pending'",
    },
}

# What must be empty for good.
_LOST = {
    "auth": {"outbox_dead": "SELECT count(*) FROM outbox_dead"},
    "orders": {
        "outbox_dead": "SELECT count(*) FROM outbox_dead",
        "dead letters": "SELECT count(*) FROM dead_letter WHERE state <> 'discarded'",
        "failed jobs": "SELECT count(*) FROM job WHERE state = 'failed'",
        "parked gateway events": "SELECT count(*) FROM gateway_events WHERE parked",
    },
    "notifier": {
        "dead letters": "SELECT count(*) FROM dead_letter WHERE state <> 'discarded'",
        "failed jobs": "SELECT count(*) FROM job WHERE state = 'failed'",
    },
}


@dataclass(frozen=True)
class Sources:
    """Where to read: databases by name, the broker, the mail page."""

    databases: dict[str, str]
    amqp_url: str
    mail_url: str


@dataclass
class Facts:
    """Rows by name, and the mails as they arrived."""

    rows: dict[str, list[Row]] = field(default_factory=dict)
    mails: list[Row] = field(default_factory=list)
    lost: dict[str, int] = field(default_factory=dict)

    def __getitem__(self, name: str) -> list[Row]:
        return self.rows[name]


def read_facts(sources: Sources) -> Facts:
    """Read everything once; call it at rest."""
    facts = Facts()
    for database, queries in _READ.items():
        for name, query in queries.items():
            facts.rows[name] = _query(sources.databases[database], query)
    facts.lost = _count(sources, _LOST) | _depths(sources.amqp_url, _PARKED)
    answer = requests.get(f"{sources.mail_url}/api/messages", timeout=60)
    answer.raise_for_status()
    facts.mails = answer.json()
    return facts


def unrest(sources: Sources) -> dict[str, int]:
    """Return what has not come to rest, empty when all has; raises psycopg2.Error while a database is away."""
    queues = [name for queue in QUEUES for name in (queue, *(f"{queue}.{rung}" for rung in _RUNGS))]
    counts = _count(sources, _UNREST) | _depths(sources.amqp_url, queues)
    return {name: count for name, count in counts.items() if count}


def wait_for_rest(sources: Sources) -> dict[str, int]:
    """Wait until nothing moves any more; returns what still does after five minutes, empty when all rests."""
    deadline = time.monotonic() + _REST_SECONDS
    left: dict[str, int] = {"the platform": 1}
    while time.monotonic() < deadline:
        try:
            left = unrest(sources)
        except (psycopg2.Error, pika.exceptions.AMQPError, requests.RequestException):
            left = {"a server that is away": 1}
        if not left:
            return {}
        time.sleep(0.5)
    return left


def _count(sources: Sources, queries: dict[str, dict[str, str]]) -> dict[str, int]:
    return {
        f"{database}: {name}": int(_query(sources.databases[database], query)[0]["count"])
        for database, named in queries.items()
        for name, query in named.items()
    }


def _query(url: str, query: str) -> list[Row]:
    with closing(psycopg2.connect(url, connect_timeout=5)) as connection:
        connection.set_session(readonly=True, autocommit=True)
        with connection.cursor(cursor_factory=psycopg2.extras.RealDictCursor) as cursor:
            cursor.execute(query)
            return [dict(row) for row in cursor.fetchall()]


def _depths(amqp_url: str, queues: Sequence[str]) -> dict[str, int]:
    with closing(pika.BlockingConnection(pika.URLParameters(amqp_url))) as connection:
        channel = connection.channel()
        return {f"queue {name}": channel.queue_declare(name, passive=True).method.message_count for name in queues}
