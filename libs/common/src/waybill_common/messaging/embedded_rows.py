"""Rows of the embedded broker's queues: storing, dead lettering, giving back; every function runs in a transaction."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from psycopg2.extras import execute_values

from waybill_common.clock import rfc3339, utc_now
from waybill_common.messaging.broker import Message
from waybill_common.messaging.embedded_routes import Routes
from waybill_common.messaging.embedded_schema import channel_of

_COLUMNS = "id, queue, routing_key, properties, body, delivery_count"
_EXPIRE_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Row:
    """A message in one queue; `delivery_count` says how often it came back."""

    id: int
    queue: str
    message: Message
    delivery_count: int


def store(cursor: Any, routes: Routes, placed: Iterable[tuple[str, Message]]) -> set[str]:
    """Insert each message into its queue, in order, and return the queues touched; trims queues that drop heads."""
    rows = [
        (queue, message.routing_key, _properties(message), message.body, routes.number(queue, "x-message-ttl"))
        for queue, message in placed
    ]
    execute_values(
        cursor,
        "INSERT INTO broker.message (queue, routing_key, properties, body, expires_at) VALUES %s",
        rows,
        template="(%s, %s, %s, %s, clock_timestamp() + %s * interval '1 millisecond')",
        page_size=1000,
    )
    touched = {row[0] for row in rows}
    for queue in touched:
        most = routes.number(queue, "x-max-length")
        if most is not None:
            _drop_head(cursor, queue, most)
    return touched


def ready_count(cursor: Any, queue: str) -> int:
    """Messages of `queue` that nobody holds."""
    cursor.execute("SELECT count(*) FROM broker.message WHERE queue = %s AND owner IS NULL", (queue,))
    return int(cursor.fetchone()[0])


def notify(cursor: Any, routes: Routes, queues: Iterable[str]) -> None:
    """Wake the subscriptions of `queues`, and those of the queues that their messages expire into."""
    woken = set(queues)
    for queue in tuple(woken):
        if routes.number(queue, "x-message-ttl") is not None:
            woken.update(routes.dead_letter_route(queue, "").queues)
    for queue in woken:
        cursor.execute("SELECT pg_notify(%s, '')", (channel_of(queue),))


def take(cursor: Any, queue: str, owner: int, limit: int) -> list[Row]:
    """Give up to `limit` ready messages of `queue` to `owner`, oldest first."""
    cursor.execute(
        f"""
        WITH taken AS (
            UPDATE broker.message SET owner = %s
            WHERE id = ANY (ARRAY(
                SELECT id FROM broker.message WHERE queue = %s AND owner IS NULL
                ORDER BY id LIMIT %s FOR UPDATE SKIP LOCKED))
            RETURNING {_COLUMNS})
        SELECT {_COLUMNS} FROM taken ORDER BY id
        """,  # noqa: S608  only a constant is pasted in
        (owner, queue, limit),
    )
    return [_row(values) for values in cursor.fetchall()]


def give_back(cursor: Any, routes: Routes, queue: str, owner: int) -> set[str]:
    """Return what `owner` holds of `queue` to its place; what came back too often dies. Returns the queues touched."""
    cursor.execute(
        f"SELECT {_COLUMNS} FROM broker.message WHERE queue = %s AND owner = %s ORDER BY id FOR UPDATE",  # noqa: S608
        (queue, owner),
    )
    rows = [_row(values) for values in cursor.fetchall()]
    limit = routes.number(queue, "x-delivery-limit")
    dead = [row for row in rows if limit is not None and row.delivery_count + 1 > limit]
    touched = bury(cursor, routes, dead, "delivery_limit")
    cursor.execute(
        "UPDATE broker.message SET owner = NULL, delivery_count = delivery_count + 1 WHERE queue = %s AND owner = %s",
        (queue, owner),
    )
    return touched | ({queue} if rows else set())


def expire(cursor: Any, routes: Routes) -> set[str]:
    """Dead-letter what has waited its time, in any queue; returns the queues touched."""
    cursor.execute(
        f"""
        SELECT {_COLUMNS} FROM broker.message
        WHERE expires_at <= clock_timestamp() AND owner IS NULL
        ORDER BY id LIMIT %s FOR UPDATE SKIP LOCKED
        """,  # noqa: S608
        (_EXPIRE_AT_ONCE,),
    )
    return bury(cursor, routes, [_row(values) for values in cursor.fetchall()], "expired")


def seconds_until_due(cursor: Any) -> float | None:
    """How long until a message expires, by the database's clock; None when none will."""
    cursor.execute("SELECT extract(epoch FROM min(expires_at) - clock_timestamp()) FROM broker.message")
    (seconds,) = cursor.fetchone()
    return None if seconds is None else max(0.0, float(seconds))


def bury(cursor: Any, routes: Routes, rows: list[Row], reason: str) -> set[str]:
    """Move `rows` to where their queue sends its dead; a row whose way leads nowhere stays, as at-least-once means."""
    moved: list[int] = []
    placed: list[tuple[str, Message]] = []
    for row in rows:
        route = routes.dead_letter_route(row.queue, row.message.routing_key)
        if not route.queues and not route.is_dropped:
            continue
        moved.append(row.id)
        letter = replace(row.message, routing_key=route.routing_key, headers=_death(row, reason))
        placed += [(queue, letter) for queue in route.queues]
    if not moved:
        return set()
    cursor.execute("DELETE FROM broker.message WHERE id = ANY (%s)", (moved,))
    return store(cursor, routes, placed) if placed else set()


def _death(row: Row, reason: str) -> dict[str, Any]:
    """The headers RabbitMQ would add, newest death first."""
    headers = dict(row.message.headers)
    headers.pop("x-delivery-count", None)
    former: list[Mapping[str, Any]] = [entry for entry in headers.get("x-death", ()) if isinstance(entry, Mapping)]
    same = [entry for entry in former if (entry.get("queue"), entry.get("reason")) == (row.queue, reason)]
    entry = {
        "count": int(same[0]["count"]) + 1 if same else 1,
        "reason": reason,
        "queue": row.queue,
        "time": rfc3339(utc_now()),
        "routing-keys": [row.message.routing_key],
    }
    headers["x-death"] = [entry, *(other for other in former if other not in same)]
    headers.setdefault("x-first-death-reason", reason)
    headers.setdefault("x-first-death-queue", row.queue)
    return headers


def _drop_head(cursor: Any, queue: str, most: int) -> None:
    cursor.execute(
        """
        DELETE FROM broker.message WHERE queue = %(queue)s AND owner IS NULL AND id <= (
            SELECT id FROM broker.message WHERE queue = %(queue)s AND owner IS NULL
            ORDER BY id DESC OFFSET %(most)s LIMIT 1)
        """,
        {"queue": queue, "most": most},
    )


def _properties(message: Message) -> str:
    properties = {
        "message_id": message.message_id,
        "headers": dict(message.headers),
        "type": message.type,
        "timestamp": message.timestamp,
        "app_id": message.app_id,
        "content_type": message.content_type,
    }
    return json.dumps(properties, separators=(",", ":"), default=str)


def _row(values: tuple[Any, ...]) -> Row:
    row_id, queue, routing_key, properties, body, delivery_count = values
    message = Message(routing_key=routing_key, body=bytes(body), **json.loads(properties))
    return Row(row_id, queue, message, delivery_count)
