"""Reading: order, prefetch, acknowledgements, and what comes again when a reader goes."""

from __future__ import annotations

import subprocess
import sys
import threading

import pytest
from waybill_common.messaging.broker import BrokerUnavailableError
from waybill_testkit.waiting import eventually

from .rig import FIRST, Rig, collect, ids, outgoing

pytestmark = [pytest.mark.integration, pytest.mark.contract]


def numbered(count: int, first: int = 0) -> list:
    return [outgoing(f"{number:04}") for number in range(first, first + count)]


def names(count: int, first: int = 0) -> list[str]:
    return [f"{number:04}" for number in range(first, first + count)]


def test_messages_come_in_the_order_of_publishing(rig: Rig) -> None:
    publisher = rig.publisher()
    for start in range(0, 600, 200):
        publisher.publish(numbered(200, start))
    assert ids(rig.drain(FIRST, 600)) == names(600)


def test_an_empty_queue_gives_nothing_after_the_wait(rig: Rig) -> None:
    assert rig.subscribe().receive(10, 0.05) == []


def test_a_waiting_reader_is_woken_by_a_message(rig: Rig) -> None:
    subscription = rig.subscribe()
    found = []
    reader = threading.Thread(target=lambda: found.extend(subscription.receive(10, 60)))
    reader.start()
    rig.publish(outgoing("m"))
    reader.join(timeout=50)  # below the wait: only a message can end it
    assert ids(found) == ["m"]


def test_receive_gives_no_more_than_asked(rig: Rig) -> None:
    rig.publish(*numbered(10))
    subscription = rig.subscribe()
    assert ids(collect(subscription, 3)) == names(3)
    assert ids(collect(subscription, 7)) == names(7, 3)


def test_prefetch_bounds_what_is_not_acknowledged(rig: Rig) -> None:
    rig.publish(*numbered(10))
    subscription = rig.subscribe(prefetch=4)
    held = collect(subscription, 4)
    assert subscription.receive(10, 0.3) == []
    rig.wait_for_depth(FIRST, 6)
    subscription.ack(held[0])
    assert ids(collect(subscription, 1)) == ["0004"]
    assert subscription.receive(10, 0.3) == []


def test_a_reader_counts_what_waits_without_what_it_holds(rig: Rig) -> None:
    rig.publish(*numbered(10))
    subscription = rig.subscribe(prefetch=4)
    held = collect(subscription, 4)
    eventually(lambda: subscription.waiting() == 6)
    subscription.ack(held[-1], multiple=True)
    assert ids(collect(subscription, 4)) == names(8)[4:]
    eventually(lambda: subscription.waiting() == 2)


def test_two_readers_share_a_queue_without_doubling(rig: Rig) -> None:
    rig.publish(*numbered(8))
    one, other = rig.subscribe(prefetch=4), rig.subscribe(prefetch=4)
    both = ids(collect(one, 4)) + ids(collect(other, 4))
    assert sorted(both) == names(8)


def test_ack_multiple_forgets_everything_up_to_it(rig: Rig) -> None:
    rig.publish(*numbered(10))
    subscription = rig.subscribe()
    held = collect(subscription, 10)
    subscription.ack(held[6], multiple=True)
    subscription.close()
    assert ids(rig.drain(FIRST, 3)) == names(3, 7)


def test_ack_of_one_leaves_the_earlier_ones(rig: Rig) -> None:
    rig.publish(*numbered(3))
    subscription = rig.subscribe()
    held = collect(subscription, 3)
    subscription.ack(held[1])
    subscription.close()
    assert ids(rig.drain(FIRST, 2)) == ["0000", "0002"]


def test_what_a_closed_reader_held_comes_again_in_order_and_marked(rig: Rig) -> None:
    rig.publish(*numbered(20))
    subscription = rig.subscribe()
    collect(subscription, 20)
    subscription.close()
    again = rig.drain(FIRST, 20)
    assert ids(again) == names(20)
    assert all(delivery.redelivered and delivery.delivery_count == 1 for delivery in again)


def test_what_is_acknowledged_before_the_close_does_not_come_again(rig: Rig) -> None:
    """SIGTERM's way out: cancel, acknowledge all, cut. The last acknowledgement must not be lost with the socket."""
    publisher = rig.publisher()
    for _ in range(5):
        publisher.publish(numbered(40))
        subscription = rig.subscribe(prefetch=40)
        held = collect(subscription, 20)
        subscription.cancel()
        subscription.ack(held[-1], multiple=True)
        subscription.close()
        assert ids(rig.drain(FIRST, 20)) == names(20, 20)


def test_after_cancel_nothing_more_is_handed_out(rig: Rig) -> None:
    rig.publish(*numbered(2))
    subscription = rig.subscribe(prefetch=1)
    held = collect(subscription, 1)
    subscription.cancel()
    assert subscription.receive(10, 0.05) == []
    subscription.ack(held[0])
    assert subscription.receive(10, 0.05) == []
    subscription.close()
    assert ids(rig.drain(FIRST, 1)) == ["0001"]


def test_a_lost_connection_is_noticed_and_gives_everything_back(rig: Rig) -> None:
    rig.publish(*numbered(5))
    subscription = rig.subscribe()
    held = collect(subscription, 5)
    rig.cut_connections()

    def notices() -> bool:
        try:
            subscription.receive(1, 0.1)
        except BrokerUnavailableError:
            return True
        return False

    eventually(notices)
    with pytest.raises(BrokerUnavailableError):
        subscription.ack(held[0])
    assert ids(rig.drain(FIRST, 5)) == names(5)


def test_an_unknown_tag_ends_the_subscription(rig: Rig) -> None:
    rig.publish(*numbered(2))
    subscription = rig.subscribe(prefetch=1)
    (held,) = collect(subscription, 1)

    def refused() -> bool:
        try:
            subscription.ack(held)
            subscription.receive(1, 0.1)
        except BrokerUnavailableError:
            return True
        return False

    subscription.ack(held)
    eventually(refused)


READER = """
import sys
from waybill_common.messaging.brokers import connect_broker
subscription = connect_broker(sys.argv[1]).subscribe(sys.argv[2], 50)
found = []
while len(found) < 5:
    found += subscription.receive(50, 1)
print("holding", flush=True)
sys.stdin.read()
"""


def test_a_killed_reader_gives_everything_back(rig: Rig) -> None:
    rig.publish(*numbered(5))
    url = rig.broker._url
    command = [sys.executable, "-c", READER, url, FIRST]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as reader:
        assert reader.stdout.readline() == "holding\n"
        assert rig.broker.depth(FIRST) == 0
        reader.kill()
    again = rig.drain(FIRST, 5)
    assert ids(again) == names(5)
    assert all(delivery.redelivered for delivery in again)
