"""The broker that needs no broker: its queues are rows of a PostgreSQL database of its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from psycopg2.extras import Json

from waybill_common.messaging.broker import BrokerUnavailableError, TopologyMismatchError
from waybill_common.messaging.embedded_publisher import EmbeddedPublisher
from waybill_common.messaging.embedded_routes import load_routes
from waybill_common.messaging.embedded_rows import expire, notify, ready_count
from waybill_common.messaging.embedded_schema import DECLARE_LOCK
from waybill_common.messaging.embedded_session import close_session, open_session, unavailable
from waybill_common.messaging.embedded_subscription import EmbeddedSubscription
from waybill_common.messaging.topology import Topology


class EmbeddedBroker:
    """The broker behind a `postgresql://` url; holds no connection itself."""

    system = "postgresql"

    def __init__(self, url: str) -> None:
        self._url = url

    def declare(self, topology: Topology) -> None:
        """Declare exchanges, queues, bindings; raises TopologyMismatchError, BrokerUnavailableError."""
        session = open_session(self._url, "topology")
        try:
            with unavailable("cannot declare"), session, session.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_xact_lock(%s)", (DECLARE_LOCK,))
                if _declare(cursor, topology):
                    cursor.execute("UPDATE broker.topology SET version = version + 1")
        finally:
            close_session(session)

    def publisher(self) -> EmbeddedPublisher:
        """A publisher on a connection of its own."""
        return EmbeddedPublisher(self._url)

    def subscribe(self, queue: str, prefetch: int) -> EmbeddedSubscription:
        """A subscription on a connection of its own."""
        return EmbeddedSubscription(self._url, queue, prefetch)

    def depth(self, queue: str) -> int:
        """Ready messages of `queue`, after moving what has expired."""
        session = open_session(self._url, "depth")
        try:
            with unavailable("cannot count"), session, session.cursor() as cursor:
                routes = load_routes(cursor)
                if queue not in routes.queues:
                    raise BrokerUnavailableError(f"no queue {queue!r}")
                notify(cursor, routes, expire(cursor, routes))
                return ready_count(cursor, queue)
        finally:
            close_session(session)


def _declare(cursor: Any, topology: Topology) -> bool:
    """Insert what is missing; True when something was."""
    changed = False
    for exchange in topology.exchanges:
        cursor.execute(
            "INSERT INTO broker.exchange VALUES (%s, %s, %s) ON CONFLICT DO NOTHING",
            (exchange.name, exchange.kind, Json(dict(exchange.arguments))),
        )
        changed |= cursor.rowcount > 0
        cursor.execute("SELECT kind, arguments FROM broker.exchange WHERE name = %s", (exchange.name,))
        kind, arguments = cursor.fetchone()
        _compare("exchange", exchange.name, {"type": exchange.kind, **exchange.arguments}, {"type": kind, **arguments})
    for queue in topology.queues:
        cursor.execute(
            "INSERT INTO broker.queue VALUES (%s, %s) ON CONFLICT DO NOTHING", (queue.name, Json(dict(queue.arguments)))
        )
        changed |= cursor.rowcount > 0
        cursor.execute("SELECT arguments FROM broker.queue WHERE name = %s", (queue.name,))
        (arguments,) = cursor.fetchone()
        _compare("queue", queue.name, queue.arguments, arguments)
    for binding in topology.bindings:
        cursor.execute(
            "INSERT INTO broker.binding VALUES (%s, %s, %s) ON CONFLICT DO NOTHING",
            (binding.exchange, binding.queue, binding.pattern),
        )
        changed |= cursor.rowcount > 0
    return changed


def _compare(what: str, name: str, declared: Mapping[str, Any], lives: Mapping[str, Any]) -> None:
    for argument in sorted({*declared, *lives}):
        ours, theirs = declared.get(argument), lives.get(argument)
        if ours != theirs:
            raise TopologyMismatchError(
                f"{what} {name!r} lives with {argument!r} = {theirs!r}, this version declares {ours!r}. Arguments "
                f"cannot change on a live {what}: declare it under the next version suffix, drain the old one, "
                f"then delete it."
            )
