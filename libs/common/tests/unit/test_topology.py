"""The topology as data: what AMQP's topic rule says, and what the platform declares."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from waybill_common.messaging.brokers import connect_broker
from waybill_common.messaging.embedded_routes import Routes
from waybill_common.messaging.topology import (
    DEAD_LETTER_EXCHANGE,
    EVENTS_EXCHANGE,
    RETRY_RUNGS,
    SUBSCRIPTIONS,
    UNROUTED,
    WAYBILL_TOPOLOGY,
    Binding,
    Exchange,
    Queue,
    Topology,
    TopologyOptions,
    build_topology,
    dead_letter_queue,
    is_bound,
    topic_matches,
)

pytestmark = pytest.mark.unit

words = st.sampled_from(["a", "b", "ab", ""])
keys = st.lists(words, max_size=5).map(".".join)
patterns = st.lists(st.sampled_from(["a", "b", "ab", "*", "#"]), max_size=5).map(".".join)


@pytest.mark.parametrize(
    ("pattern", "key", "matches"),
    [
        ("#", "", True),
        ("#", "a.b.c", True),
        ("a.#", "a", True),
        ("a.#", "ab", False),
        ("a.*", "a", False),
        ("a.*", "a.b.c", False),
        ("*.b", "a.b", True),
        ("a.#.c", "a.c", True),
        ("a.#.c", "a.x.y.c", True),
        ("#.b.#", "a.b", True),
        ("#.b.#", "a.c", False),
        ("", "", True),
        ("*", "", False),
    ],
)
def test_the_topic_rule(pattern: str, key: str, matches: bool) -> None:
    assert topic_matches(pattern, key) is matches


def slowly(pattern: tuple[str, ...], key: tuple[str, ...]) -> bool:
    """The rule as AMQP 0-9-1 §3.1.3.3 words it."""
    if not pattern:
        return not key
    if pattern[0] == "#":
        return any(slowly(pattern[1:], key[start:]) for start in range(len(key) + 1))
    return bool(key) and pattern[0] in {"*", key[0]} and slowly(pattern[1:], key[1:])


@given(patterns, keys)
def test_the_quick_rule_is_the_rule(pattern: str, key: str) -> None:
    expected = slowly(tuple(pattern.split(".")) if pattern else (), tuple(key.split(".")) if key else ())
    assert topic_matches(pattern, key) is expected


def test_many_hashes_do_not_explode() -> None:
    assert not topic_matches(".".join(["#", "a"] * 40), ".".join(["a"] * 200 + ["b"]))


@pytest.mark.parametrize("event_type", ["orders.order.placed", "auth.user.registered", "auth.session.revoked"])
def test_bound_types(event_type: str) -> None:
    assert is_bound(event_type)


@pytest.mark.parametrize("event_type", ["auth.key.rotated", "notifier.notification.sent", "order.placed", ""])
def test_types_without_a_queue(event_type: str) -> None:
    assert not is_bound(event_type)


def test_every_main_queue_has_its_ladder_and_its_end() -> None:
    queues = {queue.name: queue.arguments for queue in WAYBILL_TOPOLOGY.queues}
    for name in SUBSCRIPTIONS:
        assert re.search(r"\.v\d+$", name), "arguments cannot change on a live queue, so its name carries a version"
        assert queues[name]["x-delivery-limit"] == 20
        assert queues[name]["x-dead-letter-exchange"] == DEAD_LETTER_EXCHANGE
        assert queues[dead_letter_queue(name)] == {}
        assert Binding(DEAD_LETTER_EXCHANGE, dead_letter_queue(name), name) in WAYBILL_TOPOLOGY.bindings
        for rung in RETRY_RUNGS:
            arguments = queues[rung.queue_of(name)]
            assert arguments["x-message-ttl"] == rung.ttl_ms
            assert (arguments["x-dead-letter-exchange"], arguments["x-dead-letter-routing-key"]) == ("", name)


def test_no_rung_leads_to_a_rung() -> None:
    rungs = {rung.queue_of(name) for rung in RETRY_RUNGS for name in SUBSCRIPTIONS}
    targets = {queue.arguments.get("x-dead-letter-routing-key") for queue in WAYBILL_TOPOLOGY.queues}
    assert not rungs & targets


def test_at_least_once_always_comes_with_reject_publish_and_no_main_queue_has_a_length() -> None:
    for queue in WAYBILL_TOPOLOGY.queues:
        if queue.arguments.get("x-dead-letter-strategy") == "at-least-once":
            assert queue.arguments["x-overflow"] == "reject-publish"
        assert (queue.name == UNROUTED) is ("x-max-length" in queue.arguments)


def test_rung_times_can_be_set() -> None:
    topology = build_topology(options=TopologyOptions(rung_ttl_ms={"1m": 7}))
    times = {queue.name: queue.arguments.get("x-message-ttl") for queue in topology.queues}
    assert times["orders.events.v1.retry.1m"] == 7
    assert times["orders.events.v1.retry.5s"] == 5_000


def test_alternate_exchanges_in_a_ring_end() -> None:
    ring = (
        Exchange("one", "topic", {"alternate-exchange": "two"}),
        Exchange("two", "topic", {"alternate-exchange": "one"}),
    )
    assert Routes(1, Topology(ring, (Queue("q"),), ())).route("one", "a") == ()


def test_the_events_exchange_hands_unrouted_events_to_their_own_queue() -> None:
    assert Routes(1, WAYBILL_TOPOLOGY).route(EVENTS_EXCHANGE, "auth.key.rotated") == (UNROUTED,)


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("amqp://broker/", "RabbitBroker"),
        ("amqps://broker/", "RabbitBroker"),
        ("postgresql://db/x", "EmbeddedBroker"),
    ],
)
def test_the_scheme_chooses_the_adapter_and_nothing_is_connected(url: str, name: str) -> None:
    assert type(connect_broker(url)).__name__ == name


def test_another_scheme_is_an_error_that_names_the_right_ones() -> None:
    with pytest.raises(ValueError, match="amqp://, amqps:// or postgresql://"):
        connect_broker("redis://x")
