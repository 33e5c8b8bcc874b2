"""Declaring: what is there already must be the same, and the error says what is not."""

from __future__ import annotations

import pytest
from waybill_common.messaging.broker import (
    BrokerUnavailableError,
    SubscriptionCancelledError,
    TopologyMismatchError,
)
from waybill_common.messaging.brokers import connect_broker

from .rig import Rig, ids, outgoing, small_topology

pytestmark = [pytest.mark.integration, pytest.mark.contract]


def test_another_argument_is_named_in_the_error(rig: Rig) -> None:
    with pytest.raises(TopologyMismatchError, match=r"first\.events\.v1'.*'x-delivery-limit'"):
        rig.broker.declare(small_topology(delivery_limit=9))


def test_another_rung_time_is_named_in_the_error(rig: Rig) -> None:
    with pytest.raises(TopologyMismatchError, match=r"retry\.5s'.*'x-message-ttl'"):
        rig.broker.declare(small_topology(rung_ttl_ms=9))


def test_reading_a_queue_that_is_not_there_says_so(rig: Rig) -> None:
    with pytest.raises(SubscriptionCancelledError, match=r"no queue|no such queue"):
        rig.broker.subscribe("nothing", 1)


def test_counting_a_queue_that_is_not_there_says_so(rig: Rig) -> None:
    with pytest.raises(BrokerUnavailableError, match="no queue"):
        rig.broker.depth("nothing")


@pytest.mark.parametrize("url", ["amqp://guest:guest@127.0.0.1:{}/", "postgresql://postgres@127.0.0.1:{}/x"])
def test_a_broker_that_is_away_is_unavailable(url: str, free_port) -> None:
    broker = connect_broker(url.format(free_port()))
    for call in (broker.publisher, lambda: broker.subscribe("q", 1), lambda: broker.declare(small_topology())):
        with pytest.raises(BrokerUnavailableError):
            call()


def test_a_queue_declared_later_gets_what_is_published_later(rig: Rig) -> None:
    publisher = rig.publisher()
    publisher.publish([outgoing("early", "sports.match.won")])
    topology = small_topology()
    more = type(topology.bindings[0])("waybill.events", "second.events.v1", "sports.#")
    rig.broker.declare(type(topology)(topology.exchanges, topology.queues, (*topology.bindings, more)))
    publisher.publish([outgoing("late", "sports.match.won")])
    assert ids(rig.drain("second.events.v1", 1)) == ["late"]
