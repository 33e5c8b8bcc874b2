"""The way of a message that fails: rungs and back, the delivery limit, the dead-letter queue."""

from __future__ import annotations

import pytest
from waybill_common.messaging.broker import Outgoing, PublishNackedError
from waybill_common.messaging.topology import RETRY_RUNGS, Queue, Topology, dead_letter_queue
from waybill_testkit.waiting import eventually

from .rig import DELIVERY_LIMIT, FIRST, Rig, collect, ids, message, outgoing, small_topology

pytestmark = [pytest.mark.integration, pytest.mark.contract]
LIMIT_REASON = "delivery_limit"


@pytest.mark.parametrize("rung", RETRY_RUNGS, ids=lambda rung: rung.name)
def test_a_message_on_a_rung_returns_to_the_main_queue(rig: Rig, rung) -> None:
    rig.publish(outgoing("m", rung.queue_of(FIRST), ""))
    (delivery,) = rig.drain(FIRST, 1)
    assert delivery.message.message_id == "m"
    assert delivery.message.routing_key == FIRST
    assert delivery.message.type == rung.queue_of(FIRST)  # untouched
    assert delivery.message.headers["x-first-death-reason"] == "expired"
    assert delivery.message.headers["x-death"][0]["reason"] == "expired"


def test_a_rung_holds_a_message_for_its_time(broker_rig: Rig) -> None:
    broker_rig.broker.declare(small_topology(rung_ttl_ms=600_000))
    rung = RETRY_RUNGS[0].queue_of(FIRST)
    broker_rig.publish(outgoing("m", rung, ""))
    assert broker_rig.subscribe(FIRST).receive(1, 0.5) == []
    assert broker_rig.broker.depth(rung) == 1


def test_a_message_may_climb_the_same_rung_many_times(rig: Rig) -> None:
    """Loops that keep the broker's own death headers are dropped in silence; a copy without them never is."""
    rung = RETRY_RUNGS[0].queue_of(FIRST)
    publisher = rig.publisher()
    publisher.publish([outgoing("m", rung, "")])
    subscription = rig.subscribe()
    for attempt in range(1, 5):
        (delivery,) = collect(subscription, 1)
        publisher.publish([Outgoing("", rung, message("m", rung, **{"x-attempt": attempt}))])
        subscription.ack(delivery)
    (last,) = collect(subscription, 1)
    assert last.message.headers["x-attempt"] == 4


def test_a_message_that_comes_back_too_often_lands_in_the_dead_letter_queue(rig: Rig) -> None:
    rig.publish(outgoing("m"))
    for count in range(DELIVERY_LIMIT + 1):
        subscription = rig.subscribe()
        (delivery,) = collect(subscription, 1)
        assert delivery.delivery_count == count
        subscription.close()
    (letter,) = rig.drain(dead_letter_queue(FIRST), 1)
    assert letter.message.message_id == "m"
    assert letter.message.body == b'{"id":"m"}'
    assert letter.message.headers["x-death"][0]["reason"] == LIMIT_REASON
    assert letter.message.headers["x-death"][0]["queue"] == FIRST
    assert letter.message.headers["x-first-death-reason"] == LIMIT_REASON
    assert rig.broker.depth(FIRST) == 0


def test_a_message_acknowledged_within_the_limit_never_dies(rig: Rig) -> None:
    rig.publish(outgoing("m"))
    for _ in range(DELIVERY_LIMIT):
        subscription = rig.subscribe()
        collect(subscription, 1)
        subscription.close()
    assert ids(rig.drain(FIRST, 1)) == ["m"]
    assert rig.broker.depth(dead_letter_queue(FIRST)) == 0


def test_a_full_queue_refuses_and_the_publisher_learns_it(broker_rig: Rig) -> None:
    full = Queue("full", {"x-max-length": 5, "x-overflow": "reject-publish"})
    broker_rig.broker.declare(Topology((), (full,), ()))
    publisher = broker_rig.publisher()

    def refused() -> PublishNackedError | None:
        try:
            publisher.publish([outgoing("m", "full", "")])
        except PublishNackedError as error:
            return error
        return None

    assert eventually(refused).message_ids == ("m",)
    broker_rig.drain("full", 5)
    eventually(lambda: refused() is None)
