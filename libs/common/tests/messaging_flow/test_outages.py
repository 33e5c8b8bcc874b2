"""Database and broker away: everything is held, nothing is dead-lettered, and all of it goes on by itself."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

import pika
import pytest
import sqlalchemy as sa
from waybill_common.database import EngineOptions, make_engine
from waybill_common.messaging import Handling, IncomingEvent, connect_broker
from waybill_common.messaging import failures as failures_module
from waybill_testkit.postgres import PostgresOptions, PostgresServer
from waybill_testkit.rabbitmq import RabbitServer
from waybill_testkit.waiting import eventually

from .support import CONSUMING, QUEUE, TOPOLOGY, Flow, build, message, publish

pytestmark = pytest.mark.integration


@pytest.fixture
def own_postgres() -> Iterator[PostgresServer]:
    server = PostgresServer(PostgresOptions(fsync=True))
    yield server
    server.close()


@pytest.fixture
def own_flow(own_postgres: PostgresServer, amqp_url: str) -> Iterator[Flow]:
    """A flow whose database the test may stop."""
    url = own_postgres.create_database("flow")
    build(url)
    engine = make_engine(url, EngineOptions(application_name="test", connect_timeout_seconds=2))
    broker = connect_broker(amqp_url)
    broker.declare(TOPOLOGY)
    yield Flow(url, engine, broker)
    engine.dispose()


def test_with_the_database_down_nothing_is_dead_lettered_and_all_is_handled_once_it_is_back(
    own_flow: Flow, own_postgres: PostgresServer
) -> None:
    flow = own_flow
    tries = Counter[str]()

    def counting(event: IncomingEvent) -> Handling | None:
        tries[event.id] += 1
        return flow.effect_once(event)

    own_postgres.stop("immediate")
    publish(flow.broker, *[message("usr_1", number) for number in range(1, 31)])
    with flow.consuming(counting, replace(CONSUMING, threads=2)):
        eventually(lambda: flow.broker.depth(QUEUE) == 30, 5)
        own_postgres.start()
        # Taken before the outage this time, so that messages in hand are held.
        eventually(lambda: flow.count("effect") == 30)
        own_postgres.stop("immediate")
        publish(flow.broker, *[message("usr_2", number) for number in range(1, 11)])
        eventually(lambda: flow.metric("consumer_paused", queue=QUEUE) >= 1)
        eventually(lambda: flow.broker.depth(QUEUE) == 0)
        assert flow.broker.depth(f"{QUEUE}.dlq") == 0
        own_postgres.start()
        eventually(lambda: flow.count("effect") == 40)
    assert flow.dead() == 0
    assert flow.consumed("retry") == 0
    assert flow.metric("consumer_redelivered_total", queue=QUEUE) == 0
    assert sorted(flow.effects("usr_1")) == list(range(1, 31))  # type: ignore[type-var]


def test_taken_for_a_fault_of_the_message_the_same_outage_fills_the_dead_letters(
    own_flow: Flow, own_postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control of the test above: with the distinction switched off, the outage kills the message."""
    flow = own_flow
    monkeypatch.setattr(failures_module, "is_unavailable", lambda error: False)
    publish(flow.broker, message())
    with flow.consuming():
        eventually(lambda: flow.count("effect") == 1)
        own_postgres.stop("immediate")
        publish(flow.broker, message())
        eventually(lambda: flow.broker.depth(f"{QUEUE}.dlq") + flow.broker.depth(QUEUE) >= 0)
        eventually(
            lambda: (
                flow.metric("messaging_client_consumed_messages_total", destination=QUEUE, outcome="dead_letter") == 1
            )
        )
        own_postgres.start()
        eventually(lambda: flow.dead() == 1)


def test_a_relay_whose_database_restarts_goes_on(own_flow: Flow, own_postgres: PostgresServer) -> None:
    flow = own_flow
    with flow.relaying():
        flow.append_numbered("usr_1", 20)
        own_postgres.restart("immediate")
        eventually(lambda: flow.count("outbox") == 0)
        flow.append_numbered("usr_1", 20, first=21)
        eventually(lambda: flow.count("outbox") == 0)
    assert flow.count("event_log") == 40
    assert flow.broker.depth(QUEUE) >= 40


def test_a_killed_broker_loses_nothing_and_relay_and_consumer_come_back(database_url: str, engine: sa.Engine) -> None:
    server = RabbitServer()
    try:
        broker = connect_broker(server.url)
        broker.declare(TOPOLOGY)
        flow = Flow(database_url, engine, broker)
        with flow.relaying(), flow.consuming():
            flow.append_numbered("usr_1", 100)
            server.kill()
            flow.append_numbered("usr_1", 100, first=101)
            server.start()
            eventually(lambda: flow.count("effect") == 200, 90)
        # What was under way when the broker died may come back behind later ones: readers go by the sequence.
        assert sorted(flow.effects("usr_1")) == list(range(1, 201))  # type: ignore[type-var]
        assert flow.dead() == 0
    finally:
        server.close()


def test_a_queue_that_is_deleted_under_the_consumer_is_declared_again(
    amqp_url: str, database_url: str, engine: object
) -> None:
    broker = connect_broker(amqp_url)
    broker.declare(TOPOLOGY)
    flow = Flow(database_url, engine, broker)  # type: ignore[arg-type]
    with flow.relaying(), flow.consuming():
        flow.append_numbered("usr_1", 1)
        eventually(lambda: flow.count("effect") == 1)
        with pika.BlockingConnection(pika.URLParameters(amqp_url)) as connection:
            connection.channel().queue_delete(QUEUE)

        def event_arrives() -> bool:
            flow.append_numbered("usr_1", 1, first=flow.count("event_log") + 1)
            return flow.count("effect") > 1

        eventually(event_arrives)


def test_events_published_before_the_consumer_ever_ran_wait_in_its_queue(
    amqp_url: str, database_url: str, engine: object
) -> None:
    broker = connect_broker(amqp_url)  # nothing is declared yet: the relay does it, because the topology is shared
    flow = Flow(database_url, engine, broker)  # type: ignore[arg-type]
    flow.append_numbered("usr_1", 3)
    with flow.relaying():
        eventually(lambda: flow.count("outbox") == 0)
    with flow.consuming():
        eventually(lambda: flow.count("effect") == 3)
    assert flow.broker.depth("waybill.unrouted") == 0
