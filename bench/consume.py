"""Row: from the queue to a committed inbox row with its effect, one thread, beside the same inserts alone."""

from __future__ import annotations

import threading
import time
from contextlib import closing

import orjson
import psycopg2
import sqlalchemy as sa
from prometheus_client import CollectorRegistry
from waybill_common.clock import rfc3339, utc_now
from waybill_common.database import EngineOptions, UnitOfWork, make_engine, migrate
from waybill_common.ids import uuid7
from waybill_common.messaging import (
    ConsumerMetrics,
    ConsumerOptions,
    ConsumerRunner,
    Inbox,
    IncomingEvent,
    connect_broker,
)
from waybill_common.messaging.broker import Outgoing
from waybill_common.messaging.events import LoggedEvent, build_message
from waybill_common.messaging.topology import WAYBILL_TOPOLOGY
from waybill_testkit.postgres import PostgresOptions, PostgresServer
from waybill_testkit.rabbitmq import RabbitServer
from waybill_testkit.waiting import eventually

from bench.results import Row, paired

EVENTS = 3_000
_QUEUE = "notifier.events.v1"
_CLAIM = "INSERT INTO inbox (consumer, message_id) VALUES ('floor', %s) ON CONFLICT DO NOTHING"
_EFFECT = "INSERT INTO effect (event_id, data) VALUES ({}, {})"


def run(rounds: int, _seconds: float) -> list[Row]:
    """Consume and insert in turn."""
    postgres, rabbit = PostgresServer(PostgresOptions(fsync=True)), RabbitServer()
    try:
        url = postgres.create_database("notifier")
        migrate(url, "waybill_notifier")
        postgres.execute("CREATE TABLE effect (event_id text PRIMARY KEY, data text)", "notifier")
        connect_broker(rabbit.url).declare(WAYBILL_TOPOLOGY)
        pairs = [(_consume(url, rabbit.url), _insert(url)) for _ in range(rounds)]
        return [paired("consume", pairs, ">= 0.50", "events/s")]
    finally:
        rabbit.close()
        postgres.close()


def _consume(url: str, amqp_url: str) -> float:
    broker = connect_broker(amqp_url)
    publisher = broker.publisher()
    publisher.publish([_outgoing() for _ in range(EVENTS)])
    publisher.close()
    engine = make_engine(url, EngineOptions(application_name="bench"))
    before = _count(url)

    def handle(event: IncomingEvent) -> None:
        with UnitOfWork(engine) as work:
            if Inbox(work.connection).claim("bench", event.id):
                work.connection.execute(_statement, {"id": event.id, "data": str(event.data)})

    stop = threading.Event()
    one_thread = ConsumerOptions(threads=1)
    runner = ConsumerRunner(broker, _QUEUE, handle, metrics=ConsumerMetrics(CollectorRegistry()), options=one_thread)
    thread = threading.Thread(target=runner.run, args=(stop,))
    began = time.perf_counter()
    thread.start()
    done = eventually(lambda: _count(url) == before + EVENTS, within_seconds=300)
    seconds = time.perf_counter() - began
    stop.set()
    thread.join(timeout=60)
    engine.dispose()
    if not done:
        raise RuntimeError("not every event arrived")
    return EVENTS / seconds


def _insert(url: str) -> float:
    with closing(psycopg2.connect(url)) as connection, connection.cursor() as cursor:
        began = time.perf_counter()
        for _ in range(EVENTS):
            one = str(uuid7())
            cursor.execute(
                "INSERT INTO inbox (consumer, message_id) VALUES ('floor', %s) ON CONFLICT DO NOTHING", (one,)
            )
            cursor.execute(_EFFECT.format("%s", "%s"), (one, str(_data())))
            connection.commit()
        return EVENTS / (time.perf_counter() - began)


_statement = sa.text(_EFFECT.format(":id", ":data"))


def _count(url: str) -> int:
    with closing(psycopg2.connect(url)) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM inbox WHERE consumer = 'bench'")
        (count,) = cursor.fetchone() or (0,)
        return int(count)


def _data() -> dict[str, str]:
    return {f"field_{number}": "x" * 40 for number in range(18)}


def _outgoing() -> Outgoing:

    event = LoggedEvent(
        id=str(uuid7()),
        type="orders.order.placed",
        schema_version=1,
        subject="ord_bench",
        sequence=1,
        time=rfc3339(now := utc_now()),
        epoch_seconds=int(now.timestamp()),
        data=orjson.dumps(_data()).decode(),
    )
    return Outgoing("waybill.events", event.type, build_message(event))
