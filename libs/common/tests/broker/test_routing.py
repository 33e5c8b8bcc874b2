"""Where a message goes: topic patterns, fan-out, alternate exchange, default exchange, nowhere."""

from __future__ import annotations

import pytest
from waybill_common.messaging.broker import PublishRefusedError, PublishReturnedError
from waybill_common.messaging.topology import (
    DEAD_LETTER_EXCHANGE,
    EVENTS_EXCHANGE,
    UNROUTED,
    WAYBILL_TOPOLOGY,
    Binding,
    Exchange,
    Queue,
    Topology,
    TopologyOptions,
    build_topology,
    dead_letter_queue,
)

from .rig import FIRST, SECOND, Rig, ids, message, outgoing

pytestmark = [pytest.mark.integration, pytest.mark.contract]


def test_a_key_reaches_the_queues_whose_pattern_matches(rig: Rig) -> None:
    keys = ["trade", "trade.deal.made", "people.person.seen", "people.session.over", "people.session.over.twice"]
    rig.publish(*[outgoing(key, key) for key in keys])
    assert ids(rig.drain(FIRST, 3)) == ["trade", "trade.deal.made", "people.person.seen"]
    assert ids(rig.drain(SECOND, 2)) == ["people.person.seen", "people.session.over"]
    assert ids(rig.drain(UNROUTED, 1)) == ["people.session.over.twice"]


def test_two_matching_bindings_give_one_message(broker_rig: Rig) -> None:
    exchange = Exchange("events", "topic")
    patterns = ["#", "*.b", "a.*", "a.#", "#.b.#"]
    topology = Topology((exchange,), (Queue("q"),), tuple(Binding("events", "q", pattern) for pattern in patterns))
    broker_rig.broker.declare(topology)
    broker_rig.publish(outgoing("m", "a.b", "events"))
    broker_rig.wait_for_depth("q", 1)


def test_what_was_sent_arrives_as_it_was(rig: Rig) -> None:
    sent = message("m-1", "trade.deal.made", traceparent="00-1-2-03", number=7, flag=True)
    rig.publish(outgoing("m-1").__class__(EVENTS_EXCHANGE, "trade.deal.made", sent))
    (delivery,) = rig.drain(FIRST, 1)
    assert delivery.message == sent
    assert (delivery.queue, delivery.redelivered, delivery.delivery_count) == (FIRST, False, 0)


def test_the_default_exchange_reaches_one_queue_by_name(rig: Rig) -> None:
    rig.publish(outgoing("m", FIRST, ""))
    (delivery,) = rig.drain(FIRST, 1)
    assert delivery.message.routing_key == FIRST
    assert rig.broker.depth(SECOND) == 0


def test_without_alternate_exchange_an_unroutable_message_comes_back_and_the_others_stay(rig: Rig) -> None:
    with pytest.raises(PublishReturnedError) as caught:
        rig.publish(outgoing("kept", FIRST, ""), outgoing("lost", "no.such.queue", ""))
    assert caught.value.message_ids == ("lost",)
    assert ids(rig.drain(FIRST, 1)) == ["kept"]


def test_a_publisher_goes_on_after_a_returned_message(rig: Rig) -> None:
    publisher = rig.publisher()
    with pytest.raises(PublishReturnedError):
        publisher.publish([outgoing("lost", "no.such.queue", "")])
    publisher.publish([outgoing("kept")])
    assert ids(rig.drain(FIRST, 1)) == ["kept"]


def test_a_missing_exchange_is_refused_with_its_code(rig: Rig) -> None:
    with pytest.raises(PublishRefusedError, match="no exchange 'nowhere'") as caught:
        rig.publish(outgoing("m", "a.b", "nowhere"))
    assert caught.value.code == 404


def test_the_direct_exchange_for_dead_letters_takes_the_queue_name(rig: Rig) -> None:
    rig.publish(outgoing("m", FIRST, DEAD_LETTER_EXCHANGE))
    rig.wait_for_depth(dead_letter_queue(FIRST), 1)
    assert rig.broker.depth(dead_letter_queue(SECOND)) == 0


def test_the_unrouted_queue_forgets_its_oldest(broker_rig: Rig) -> None:
    broker_rig.broker.declare(build_topology({}, TopologyOptions(unrouted_max_length=3)))
    publisher = broker_rig.publisher()
    for number in range(6):
        publisher.publish([outgoing(str(number), "nobody.cares")])
    broker_rig.wait_for_depth(UNROUTED, 3)
    assert ids(broker_rig.drain(UNROUTED, 3)) == ["3", "4", "5"]


def test_the_topology_of_the_platform_is_declared_twice_in_peace(broker_rig: Rig) -> None:
    broker_rig.broker.declare(WAYBILL_TOPOLOGY)
    broker_rig.broker.declare(WAYBILL_TOPOLOGY)
    broker_rig.publish(outgoing("m", "orders.order.placed"), outgoing("n", "auth.user.deleted"))
    assert ids(broker_rig.drain("notifier.events.v1", 2)) == ["m", "n"]
    assert ids(broker_rig.drain("orders.events.v1", 1)) == ["n"]
