"""Publishing: big batches, lost connections, alarms."""

from __future__ import annotations

import gc
import os
import threading
from contextlib import closing, suppress
from urllib.parse import urlsplit

import pytest
from waybill_common.messaging.broker import (
    BrokerError,
    BrokerUnavailableError,
    Message,
    Outgoing,
    PublishRefusedError,
    PublishTimeoutError,
)
from waybill_common.messaging.brokers import connect_broker
from waybill_common.messaging.embedded import EmbeddedBroker
from waybill_common.messaging.rabbitmq import RabbitBroker
from waybill_common.messaging.topology import EVENTS_EXCHANGE
from waybill_testkit.rabbitmq import RabbitServer
from waybill_testkit.waiting import eventually

from .rig import FIRST, Rig, ids, outgoing, small_topology

pytestmark = [pytest.mark.integration, pytest.mark.contract]


def test_an_empty_batch_is_nothing(rig: Rig) -> None:
    rig.publisher().publish([])


def test_a_batch_of_large_messages_is_confirmed(rig: Rig) -> None:
    body = b"x" * 65_536
    batch = [Outgoing(EVENTS_EXCHANGE, "trade.deal.made", Message("trade.deal.made", body, str(n))) for n in range(100)]
    rig.publish(*batch)
    found = rig.drain(FIRST, 100)
    assert ids(found) == [str(n) for n in range(100)]
    assert found[99].message.body == body


def test_the_same_message_twice_is_two_messages(rig: Rig) -> None:
    rig.publish(outgoing("m"), outgoing("m"))
    assert ids(rig.drain(FIRST, 2)) == ["m", "m"]


def test_a_key_that_cannot_be_encoded_is_refused(amqp_url: str) -> None:
    """RabbitMQ alone: the embedded broker takes keys of any length."""
    with closing(RabbitBroker(amqp_url).publisher()) as publisher, pytest.raises(PublishRefusedError) as caught:
        publisher.publish([outgoing("m", "trade." + "x" * 300)])
    assert caught.value.message_ids == ("m",)


def test_a_text_that_cannot_be_stored_is_refused(fresh_database) -> None:
    """The embedded broker alone: PostgreSQL keeps no NUL in a text."""
    broker = EmbeddedBroker(fresh_database())
    broker.declare(small_topology())
    with closing(broker.publisher()) as publisher, pytest.raises(PublishRefusedError) as caught:
        publisher.publish([outgoing("m", "trade.\x00")])
    assert caught.value.message_ids == ("m",)


def test_every_kind_of_failure_leaves_no_descriptor_open(rig: Rig, free_port) -> None:
    """A process reconnects for days; the collector is off, so that only what `close` closed counts as closed."""
    away = connect_broker(f"amqp://127.0.0.1:{free_port()}/")
    gc.disable()
    try:
        before = len(os.listdir("/proc/self/fd"))
        for _ in range(5):
            for fails in (away.publisher, lambda: rig.broker.subscribe("nothing", 1), lambda: rig.broker.depth("no")):
                with pytest.raises(BrokerUnavailableError):
                    fails()
            with pytest.raises(PublishRefusedError):
                rig.publish(outgoing("m", "a", "nowhere"))
            rig.publish(outgoing("m"))
            rig.drain(FIRST, 1)
        assert len(os.listdir("/proc/self/fd")) == before
    finally:
        gc.enable()


def test_a_lost_connection_is_noticed_by_tick(rig: Rig) -> None:
    publisher = rig.publisher()
    publisher.publish([outgoing("m")])
    rig.cut_connections()

    def notices() -> bool:
        try:
            publisher.tick()
        except BrokerUnavailableError:
            return True
        return False

    eventually(notices)
    with pytest.raises(BrokerUnavailableError):
        publisher.publish([outgoing("n")])


def test_an_idle_publisher_can_be_waited_on(rig: Rig) -> None:
    publisher = rig.publisher()
    assert publisher.fileno() > 0
    publisher.tick()
    assert publisher.blocked is False
    publisher.close()
    with pytest.raises(BrokerUnavailableError):
        publisher.fileno()


def test_cut_connections_in_the_middle_lose_nothing_confirmed(rig: Rig) -> None:
    confirmed: list[str] = []
    stop = threading.Event()

    def publish() -> None:
        number = 0
        while not stop.is_set():
            with suppress(BrokerError), closing(rig.broker.publisher()) as publisher:
                while not stop.is_set():
                    batch = [outgoing(str(number + offset)) for offset in range(20)]
                    publisher.publish(batch)
                    confirmed.extend(str(number + offset) for offset in range(20))
                    number += 20
                    stop.wait(0.005)
            number += 20  # never publish an id again, so that only confirmed ones are expected

    worker = threading.Thread(target=publish, daemon=True)
    worker.start()
    for least in (200, 400, 600):
        eventually(lambda: len(confirmed) > least)  # noqa: B023  called at once
        rig.cut_connections()
    stop.set()
    worker.join()
    found = set(ids(rig.drain(FIRST, len(confirmed))))
    while not found.issuperset(confirmed):  # what arrived without a confirm counted too; `drain` fails when it is dry
        found.update(ids(rig.drain(FIRST, 1)))


def test_a_memory_alarm_shows_as_blocked_and_a_publish_times_out() -> None:
    """On its own broker: an alarm stops every publisher."""
    server = RabbitServer()
    try:
        broker = RabbitBroker(server.url, confirm_timeout_seconds=1)
        broker.declare(small_topology())
        # Longer than the control command may take on a busy machine: it must outlast the alarm, however long that is.
        patient = RabbitBroker(server.url, confirm_timeout_seconds=120).publisher()
        publisher = broker.publisher()
        server.ctl("set_vm_memory_high_watermark", "0")
        with pytest.raises(PublishTimeoutError, match="blocked"):
            publisher.publish([outgoing("late")])
        worker = threading.Thread(target=patient.publish, args=([outgoing("patient")],))
        worker.start()
        server.ctl("set_vm_memory_high_watermark", "0.4")
        worker.join(timeout=120)
        assert not worker.is_alive()
        eventually(lambda: patient.tick() is None and not patient.blocked)
        patient.close()
        publisher.close()
        eventually(lambda: broker.depth(FIRST) >= 1)
    finally:
        server.close()


def test_a_deleted_queue_ends_its_subscription(rabbitmq, amqp_url: str) -> None:
    broker = RabbitBroker(amqp_url)
    broker.declare(small_topology())
    subscription = broker.subscribe(FIRST, 10)
    rabbitmq.management.call("DELETE", f"/queues/{urlsplit(amqp_url).path[1:]}/{FIRST}")

    def ended() -> bool:
        try:
            subscription.receive(1, 0.1)
        except BrokerUnavailableError:
            return True
        return False

    eventually(ended)
    subscription.close()
    broker.declare(small_topology())
    broker.subscribe(FIRST, 10).close()
