"""Row: the relay from outbox to confirmed, beside pika publishing the same bodies in confirmed batches."""

from __future__ import annotations

import threading
import time
from contextlib import closing

import pika
import psycopg2
from prometheus_client import CollectorRegistry
from waybill_common.database import migrate
from waybill_common.messaging import Relay, RelayMetrics, connect_broker
from waybill_common.messaging.topology import WAYBILL_TOPOLOGY
from waybill_testkit.postgres import PostgresOptions, PostgresServer
from waybill_testkit.rabbitmq import RabbitServer
from waybill_testkit.waiting import eventually

from bench.results import Row, paired

ROWS = 20_000
BATCH = 200
_BODY = "{" + ", ".join(f'"field_{number}": "{"x" * 40}"' for number in range(18)) + "}"
_FILL = """
SELECT append_event(gen_random_uuid(), 'orders.order.placed', 'ord_' || n, 1, 'usr_bench', %s::jsonb)
FROM generate_series(%s, %s) n
"""


def run(rounds: int, _seconds: float) -> list[Row]:
    """Relay and publish in turn, each time into queues that were just emptied."""
    postgres, rabbit = PostgresServer(PostgresOptions(fsync=True)), RabbitServer()
    try:
        url = postgres.create_database("orders")
        migrate(url, "waybill_orders")
        broker = connect_broker(rabbit.url)
        broker.declare(WAYBILL_TOPOLOGY)
        pairs = []
        for number in range(rounds):
            _fill(url, number)
            relayed = _relay(url, rabbit.url)
            bodies = _bodies(rabbit.url)
            pairs.append((relayed, _publish(rabbit.url, bodies)))
            _bodies(rabbit.url)
        return [paired("relay", pairs, ">= 0.70", "events/s")]
    finally:
        rabbit.close()
        postgres.close()


def _fill(url: str, number: int) -> None:
    with closing(psycopg2.connect(url)) as connection, connection, connection.cursor() as cursor:
        cursor.execute(_FILL, (_BODY, number * ROWS, (number + 1) * ROWS - 1))


def _relay(url: str, amqp_url: str) -> float:
    """Return the events a second of one relay, from its first confirmed batch to its last."""
    stop, registry = threading.Event(), CollectorRegistry()
    relay = Relay(url, connect_broker(amqp_url), "orders", RelayMetrics(registry))
    thread = threading.Thread(target=relay.run, args=(stop,))
    thread.start()

    def confirmed() -> float:
        return registry.get_sample_value("outbox_publish_total", {"outcome": "confirmed"}) or 0.0

    begun = eventually(lambda: confirmed() > 0, within_seconds=60)
    first, began = confirmed(), time.perf_counter()
    emptied = eventually(lambda: confirmed() >= ROWS, within_seconds=300)
    seconds = time.perf_counter() - began
    stop.set()
    thread.join(timeout=60)
    if not (begun and emptied):
        raise RuntimeError("the relay did not empty the outbox")
    return (ROWS - first) / seconds


def _bodies(amqp_url: str) -> list[bytes]:
    """Take everything out of the notifier's queue and return the bodies."""
    bodies: list[bytes] = []
    with closing(pika.BlockingConnection(pika.URLParameters(amqp_url))) as connection:
        channel = connection.channel()
        channel.basic_qos(prefetch_count=1000)
        for method, _, body in channel.consume("notifier.events.v1", inactivity_timeout=2):
            if method is None:
                break
            bodies.append(body)
            if len(bodies) % 500 == 0 or len(bodies) == ROWS:
                channel.basic_ack(method.delivery_tag, multiple=True)
            if len(bodies) == ROWS:
                break
        channel.cancel()
    return bodies


def _publish(amqp_url: str, bodies: list[bytes]) -> float:
    """Return the messages a second of bare pika: persistent, confirmed, 200 in flight; the whole floor."""
    confirmed = 0

    def on_confirm(frame: pika.frame.Method) -> None:
        nonlocal confirmed
        confirmed = frame.method.delivery_tag if frame.method.multiple else confirmed + 1

    with closing(pika.BlockingConnection(pika.URLParameters(amqp_url))) as connection:
        channel = connection.channel()
        channel._impl.confirm_delivery(on_confirm)
        properties = pika.BasicProperties(delivery_mode=2, content_type="application/cloudevents+json")
        connection.process_data_events(0)
        began = time.perf_counter()
        for start in range(0, len(bodies), BATCH):
            for body in bodies[start : start + BATCH]:
                channel._impl.basic_publish("waybill.events", "orders.order.placed", body, properties, mandatory=True)
            goal = min(start + BATCH, len(bodies))
            connection._flush_output(lambda goal=goal: confirmed >= goal)
        return len(bodies) / (time.perf_counter() - began)
