"""One service that publishes and consumes, with relay and consumer as threads beside the test."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import orjson
import sqlalchemy as sa
from prometheus_client import CollectorRegistry
from waybill_common.clock import rfc3339, utc_now
from waybill_common.database import EngineOptions, make_engine
from waybill_common.ids import uuid7
from waybill_common.messaging import (
    Broker,
    Consumer,
    ConsumerOptions,
    ConsumerParts,
    EventHandler,
    Handling,
    Inbox,
    IncomingEvent,
    NewEvent,
    Relay,
    RelayMetrics,
    RelayOptions,
    append_events,
)
from waybill_common.messaging.broker import Message, Outgoing
from waybill_common.messaging.dead_letters import DeadLetter, DeadLetters
from waybill_common.messaging.events import LoggedEvent, build_message
from waybill_common.messaging.schema import EVENTS_V1, INBOX_V1
from waybill_common.messaging.topology import TopologyOptions, build_topology, dead_letter_queue

QUEUE = "orders.events.v1"
TYPE = "auth.user.registered"  # bound to QUEUE and to the notifier's queue
TOPOLOGY = build_topology(options=TopologyOptions(rung_ttl_ms={"5s": 60, "1m": 70, "10m": 80}, delivery_limit=2))
CONSUMING = ConsumerOptions(
    threads=1,
    in_place_first_seconds=0.001,
    in_place_most_seconds=0.01,
    pause_first_seconds=0.02,
    pause_most_seconds=0.2,
    poll_seconds=0.1,
    topology=TOPOLOGY,
)

RELAYING = RelayOptions(poll_seconds=0.2, backoff_most_seconds=0.5, topology=TOPOLOGY)

_TABLES = """
CREATE TABLE effect (
    number bigint GENERATED ALWAYS AS IDENTITY, message_id text NOT NULL, subject text NOT NULL, sequence integer
);
"""


TEMPLATE = f"messaging_flow {EVENTS_V1}{INBOX_V1}{_TABLES}"


def build(url: str) -> None:
    engine = make_engine(url, EngineOptions(application_name="template"))
    with engine.begin() as connection:
        for statements in (EVENTS_V1, INBOX_V1, _TABLES):
            connection.exec_driver_sql(statements)
    engine.dispose()


@dataclass
class Flow:
    """One service that publishes and consumes: its database, its broker, and what its handler does."""

    url: str
    engine: sa.Engine
    broker: Broker
    registry: CollectorRegistry = field(default_factory=CollectorRegistry)

    def append(self, *events: NewEvent, publishes: bool = True) -> None:
        with self.engine.begin() as connection:
            append_events(connection, events, publishes=publishes)

    def append_numbered(self, subject: str, count: int, first: int = 1) -> None:
        for sequence in range(first, first + count):
            self.append(NewEvent(TYPE, subject, {"n": sequence}, sequence=sequence))

    def effect_once(self, event: IncomingEvent) -> Handling | None:
        with self.engine.begin() as connection:
            if not Inbox(connection).claim("test", event.id):
                return Handling.DUPLICATE
            connection.execute(
                sa.text("INSERT INTO effect (message_id, subject, sequence) VALUES (:id, :subject, :sequence)"),
                {"id": event.id, "subject": event.subject, "sequence": event.sequence},
            )
        return None

    @contextmanager
    def relaying(self, options: RelayOptions | None = None) -> Iterator[Relay]:
        relay = Relay(self.url, self.broker, "auth", RelayMetrics(self.registry), options or RELAYING)
        with running(relay.run):
            yield relay

    @contextmanager
    def consuming(self, handler: EventHandler | None = None, options: ConsumerOptions = CONSUMING) -> Iterator[None]:
        self.registry = CollectorRegistry()
        consumer = Consumer(
            ConsumerParts(
                queue=QUEUE,
                handler=handler or self.effect_once,
                engine=self.engine,
                broker=self.broker,
                registry=self.registry,
                options=options,
            )
        )
        with running(consumer.run):
            yield

    def rows(self, statement: str, **values: object) -> list[tuple[object, ...]]:
        with self.engine.connect() as connection:
            return [tuple(row) for row in connection.execute(sa.text(statement), values)]

    def rows_changed(self, statement: str, **values: object) -> None:
        with self.engine.begin() as connection:
            connection.execute(sa.text(statement), values)

    def count(self, table: str) -> int:
        with self.engine.connect() as connection:
            return int(connection.execute(sa.text(f"SELECT count(*) FROM {table}")).scalar_one())

    def effects(self, subject: str) -> list[object]:
        rows = self.rows("SELECT sequence FROM effect WHERE subject = :subject ORDER BY number", subject=subject)
        return [row[0] for row in rows]

    def dead(self) -> int:
        """Open rows plus queue depth."""
        with self.engine.connect() as connection:
            return DeadLetters(connection).open_count(QUEUE) + self.broker.depth(dead_letter_queue(QUEUE))

    def letters(self) -> list[DeadLetter]:
        with self.engine.connect() as connection:
            return DeadLetters(connection).search()

    def consumed(self, outcome: str) -> float:
        return self.metric("messaging_client_consumed_messages_total", destination=QUEUE, outcome=outcome)

    def metric(self, name: str, **labels: str) -> float:
        return self.registry.get_sample_value(name, labels) or 0.0


@contextmanager
def running(run: Callable[[threading.Event], None]) -> Iterator[threading.Thread]:
    """`run(stop)` in a thread that must end when told to."""
    stop = threading.Event()
    thread = threading.Thread(target=run, args=(stop,))
    thread.start()
    try:
        yield thread
    finally:
        stop.set()
        thread.join(timeout=60)
        assert not thread.is_alive(), "did not stop when told to"


def publish(broker: Broker, *messages: Message, to: str = QUEUE) -> None:
    """Put messages straight into a queue, as the exchange would."""
    publisher = broker.publisher()
    publisher.publish([Outgoing("", to, message) for message in messages])
    publisher.close()


def message(subject: str = "usr_1", number: int = 1, **changes: object) -> Message:
    """A good message of TYPE; `changes` are members of its envelope."""
    event = LoggedEvent(
        id=str(uuid7()),
        type=TYPE,
        schema_version=1,
        subject=subject,
        sequence=number,
        time=rfc3339(now := utc_now()),
        epoch_seconds=int(now.timestamp()),
        data="{}",
    )
    built = build_message(event)
    return replace(built, body=orjson.dumps({**orjson.loads(built.body), **changes}))
