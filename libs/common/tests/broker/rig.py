"""A broker under test with a small topology, and the means to hurt it."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field

import psycopg2
from waybill_common.messaging.broker import (
    Broker,
    Delivery,
    Message,
    Outgoing,
    Publisher,
    Subscription,
)
from waybill_common.messaging.topology import EVENTS_EXCHANGE, Topology, TopologyOptions, build_topology
from waybill_testkit.waiting import eventually

FIRST, SECOND = "first.events.v1", "second.events.v1"
SUBSCRIPTIONS = {FIRST: ("trade.#", "people.person.#"), SECOND: ("people.person.#", "people.session.*")}
DELIVERY_LIMIT = 3
WAIT_SECONDS = 60.0


def small_topology(rung_ttl_ms: int = 200, delivery_limit: int = DELIVERY_LIMIT) -> Topology:
    ttl = {"5s": rung_ttl_ms, "1m": rung_ttl_ms, "10m": rung_ttl_ms}
    return build_topology(SUBSCRIPTIONS, TopologyOptions(rung_ttl_ms=ttl, delivery_limit=delivery_limit))


def message(message_id: str, routing_key: str = "trade.deal.made", **headers: object) -> Message:
    body = b'{"id":"' + message_id.encode() + b'"}'
    return Message(routing_key, body, message_id, headers, type=routing_key, timestamp=1_700_000_000, app_id="tests")


def outgoing(message_id: str, routing_key: str = "trade.deal.made", exchange: str = EVENTS_EXCHANGE) -> Outgoing:
    return Outgoing(exchange, routing_key, message(message_id, routing_key))


@dataclass
class Rig:
    """A broker with the small topology declared, and the means to hurt it."""

    name: str
    broker: Broker
    cut_connections: Callable[[], None]
    opened: list[Publisher | Subscription] = field(default_factory=list)

    def publisher(self) -> Publisher:
        publisher = self.broker.publisher()
        self.opened.append(publisher)
        return publisher

    def subscribe(self, queue: str = FIRST, prefetch: int = 50) -> Subscription:
        subscription = self.broker.subscribe(queue, prefetch)
        self.opened.append(subscription)
        return subscription

    def publish(self, *batch: Outgoing) -> None:
        with closing(self.broker.publisher()) as publisher:
            publisher.publish(batch)

    def drain(self, queue: str, count: int) -> list[Delivery]:
        """Receive and acknowledge at least `count` messages."""
        found: list[Delivery] = []
        with closing(self.broker.subscribe(queue, 50)) as subscription:
            deadline = time.monotonic() + WAIT_SECONDS
            while len(found) < count and time.monotonic() < deadline:
                deliveries = subscription.receive(50, 1)
                if deliveries:
                    subscription.ack(deliveries[-1], multiple=True)
                found.extend(deliveries)
        assert len(found) >= count
        return found

    def wait_for_depth(self, queue: str, count: int) -> None:
        eventually(lambda: self.broker.depth(queue) == count, within_seconds=WAIT_SECONDS)

    def close(self) -> None:
        for item in self.opened:
            item.close()


def collect(subscription: Subscription, count: int) -> list[Delivery]:
    """Receive until `count` messages are there, without acknowledging."""
    found: list[Delivery] = []
    deadline = time.monotonic() + WAIT_SECONDS
    while len(found) < count and time.monotonic() < deadline:
        found += subscription.receive(count - len(found), 1)
    assert len(found) >= count
    return found


def ids(deliveries: list[Delivery]) -> list[str]:
    return [delivery.message.message_id for delivery in deliveries]


def terminate_sessions(url: str) -> None:
    with closing(psycopg2.connect(url)) as connection, connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity "
            "WHERE datname = current_database() AND application_name LIKE 'waybill-broker-%'"
        )
