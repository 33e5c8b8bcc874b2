"""The faulty broker of the testkit does what a real one does at its worst."""

from __future__ import annotations

import pytest
from waybill_common.messaging.broker import BrokerUnavailableError, PublishNackedError
from waybill_common.messaging.brokers import connect_broker
from waybill_testkit.faulty_broker import Faults, FaultyBroker

from .rig import FIRST, Rig, collect, ids, outgoing, small_topology

pytestmark = [pytest.mark.integration, pytest.mark.contract]


@pytest.fixture
def faults() -> Faults:
    return Faults()


@pytest.fixture
def rig(fresh_database, faults: Faults) -> Rig:
    rig = Rig("faulty", FaultyBroker(connect_broker(fresh_database()), faults), lambda: None)
    rig.broker.declare(small_topology())
    yield rig
    rig.close()


def test_a_nacked_batch_is_not_there_and_the_next_is(rig: Rig, faults: Faults) -> None:
    faults.nacks = 1
    publisher = rig.publisher()
    with pytest.raises(PublishNackedError):
        publisher.publish([outgoing("no")])
    publisher.publish([outgoing("yes")])
    assert ids(rig.drain(FIRST, 1)) == ["yes"]


def test_a_lost_confirm_leaves_the_message_there(rig: Rig, faults: Faults) -> None:
    faults.lose_confirms = 1
    with pytest.raises(BrokerUnavailableError):
        rig.publish(outgoing("m"))
    rig.publish(outgoing("m"))
    assert ids(rig.drain(FIRST, 2)) == ["m", "m"]


def test_a_lost_publish_leaves_nothing(rig: Rig, faults: Faults) -> None:
    faults.lost_publishes = 1
    with pytest.raises(BrokerUnavailableError):
        rig.publish(outgoing("m"))
    assert rig.broker.depth(FIRST) == 0


def test_a_doubled_batch_comes_twice(rig: Rig, faults: Faults) -> None:
    faults.duplicates = 1
    rig.publish(outgoing("m"), outgoing("n"))
    assert ids(rig.drain(FIRST, 4)) == ["m", "n", "m", "n"]


def test_what_comes_again_may_come_later_and_acks_still_fit(rig: Rig, faults: Faults) -> None:
    rig.publish(outgoing("a"), outgoing("b"))
    first = rig.subscribe(prefetch=1)
    collect(first, 1)
    first.close()
    faults.reorders = 1
    second = rig.subscribe()
    found = second.receive(2, 5)
    assert ids(found) == ["b", "a"]
    second.ack(found[0], multiple=True)
    second.close()
    assert ids(rig.drain(FIRST, 1)) == ["a"]


def test_a_lost_reader_gives_back(rig: Rig, faults: Faults) -> None:
    rig.publish(outgoing("m"))
    subscription = rig.subscribe()
    collect(subscription, 1)
    faults.lost_receives = 1
    with pytest.raises(BrokerUnavailableError):
        subscription.receive(1, 0)
    assert ids(rig.drain(FIRST, 1)) == ["m"]


def test_blocked_and_down_are_seen(rig: Rig, faults: Faults) -> None:
    publisher = rig.publisher()
    faults.is_blocked = True
    assert publisher.blocked
    faults.is_blocked = False
    assert not publisher.blocked
    faults.is_down = True
    for call in (publisher.tick, rig.broker.publisher, lambda: rig.broker.depth(FIRST)):
        with pytest.raises(BrokerUnavailableError):
            call()
