"""`kill -9` of the broker, and of the database under the embedded one: what was confirmed is there afterwards."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing, suppress

import pytest
from waybill_common.messaging.broker import BrokerError, BrokerUnavailableError, Delivery, Subscription
from waybill_common.messaging.brokers import connect_broker
from waybill_testkit.postgres import PostgresOptions, PostgresServer
from waybill_testkit.rabbitmq import RabbitServer
from waybill_testkit.waiting import eventually

from .rig import FIRST, Rig, collect, ids, outgoing, small_topology

pytestmark = [pytest.mark.integration, pytest.mark.contract]


@pytest.fixture(params=["rabbitmq", "embedded"])
def mortal(request: pytest.FixtureRequest) -> Iterator[tuple[RabbitServer | PostgresServer, Rig]]:
    """A server of its own, to be killed."""
    if request.param == "rabbitmq":
        server: RabbitServer | PostgresServer = RabbitServer()
        url = server.url
    else:
        server = PostgresServer(PostgresOptions(fsync=True))
        url = server.create_database("broker")
    rig = Rig(request.param, connect_broker(url), lambda: None)
    rig.broker.declare(small_topology(delivery_limit=20))
    yield server, rig
    rig.close()
    server.close()


def acknowledge_and_look(subscription: Subscription, delivery: Delivery) -> None:
    """An acknowledgement has no answer of its own; the next look shows that the broker is gone."""
    subscription.ack(delivery)
    subscription.receive(1, 1)


def test_what_was_confirmed_survives_kill_9(mortal) -> None:
    server, rig = mortal
    held_by = rig.subscribe(prefetch=50)
    confirmed: list[str] = []
    gone = threading.Event()

    def publish() -> None:
        with suppress(BrokerError), closing(rig.broker.publisher()) as publisher:
            number = 0
            while True:
                batch = [f"{number + offset:06}" for offset in range(50)]
                publisher.publish([outgoing(name) for name in batch])
                confirmed.extend(batch)
                number += 50
        gone.set()

    worker = threading.Thread(target=publish, daemon=True)
    worker.start()
    eventually(lambda: len(confirmed) > 500)
    held = collect(held_by, 50)  # delivered, never acknowledged
    server.kill()
    worker.join()
    assert gone.is_set()
    with pytest.raises(BrokerUnavailableError):
        acknowledge_and_look(held_by, held[0])
    server.start()

    found: list[str] = []
    with closing(rig.broker.subscribe(FIRST, 200)) as subscription:

        def all_there() -> bool:
            deliveries = subscription.receive(200, 0.2)
            found.extend(ids(deliveries))
            if deliveries:
                subscription.ack(deliveries[-1], multiple=True)
            return set(found) >= set(confirmed)

        eventually(all_there, within_seconds=60)
    assert sorted(found)[: len(confirmed)] == confirmed  # nothing doubled by the crash
