"""The consumer on a real database and both brokers: one effect per message, and the right end for each failure."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import replace

import orjson
import pytest
from waybill_common.messaging import EventRouter, Handling, IncomingEvent, NewEvent, append_events
from waybill_common.messaging.broker import Message
from waybill_common.messaging.errors import PermanentMessageError, TransientMessageError
from waybill_common.sessions import PeerUnavailableError
from waybill_testkit.waiting import eventually

from .support import CONSUMING, QUEUE, TYPE, Flow, message, publish

pytestmark = pytest.mark.integration


def test_a_message_that_comes_five_times_has_one_effect(flow: Flow) -> None:
    publish(flow.broker, *[message()] * 5)
    with flow.consuming():
        eventually(lambda: flow.metric("inbox_duplicates_total") == 4)
    assert flow.count("effect") == 1


def test_without_the_inbox_it_would_have_five(flow: Flow) -> None:
    """The control of the test above."""

    def careless(event: IncomingEvent) -> None:
        flow.rows_changed("INSERT INTO effect (message_id, subject) VALUES (:id, '')", id=event.id)

    publish(flow.broker, *[message()] * 5)
    with flow.consuming(careless):
        eventually(lambda: flow.count("effect") == 5)


def _say_later(_flow: Flow) -> None:
    raise TransientMessageError("later")


def _miss_a_peer(_flow: Flow) -> None:
    raise PeerUnavailableError("auth", "unavailable", status=503)


def _meet_a_lock(flow: Flow) -> None:
    flow.rows_changed("DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = 'lock_not_available'; END $$")


@pytest.mark.parametrize("fail", [_say_later, _miss_a_peer, _meet_a_lock])
def test_a_passing_failure_is_tried_in_place_then_climbs_the_ladder_and_succeeds(
    flow: Flow, fail: Callable[[Flow], None]
) -> None:
    calls = Counter[str]()

    def flaky(event: IncomingEvent) -> Handling | None:
        calls[event.id] += 1
        if event.subject == "usr_1" and calls[event.id] <= 4:
            fail(flow)
        return flow.effect_once(event)

    publish(flow.broker, first := message("usr_1"), message("usr_2"))
    with flow.consuming(flaky):
        eventually(lambda: flow.count("effect") == 2)
        eventually(lambda: flow.consumed("ack") == 2)
    assert calls[first.message_id] == 5
    assert flow.consumed("retry") == 1
    assert flow.rows("SELECT subject FROM effect ORDER BY number") == [("usr_2",), ("usr_1",)]
    assert flow.dead() == 0


@pytest.mark.parametrize(
    ("error", "calls_expected", "reason"),
    [
        (TransientMessageError("never"), 12, "retries_exhausted"),  # three in place at first and after each rung
        (RuntimeError("a bug"), 6, "handler_failed"),  # one rung only
        (PermanentMessageError("unknown_customer"), 1, "unknown_customer"),
    ],
    ids=["transient", "unknown", "permanent"],
)
def test_a_lasting_failure_ends_in_the_dead_letters_with_its_reason(
    flow: Flow, error: Exception, calls_expected: int, reason: str
) -> None:
    calls = Counter[str]()

    def broken(event: IncomingEvent) -> Handling | None:
        calls[event.subject] += 1
        if event.subject == "usr_1":
            raise error
        return flow.effect_once(event)

    publish(flow.broker, first := message("usr_1"), message("usr_2"))
    with flow.consuming(broken):
        eventually(lambda: len(flow.letters()) == 1)
        eventually(lambda: flow.count("effect") == 1)
    [letter] = flow.letters()
    assert (letter.message_id, letter.reason, letter.state) == (first.message_id, reason, "open")
    assert letter.body == first.body
    assert not any(name.startswith(("x-death", "x-first-death", "x-last-death")) for name in letter.headers)
    assert (calls["usr_1"], flow.effects("usr_2")) == (calls_expected, [1])


def _invalid_json() -> Message:
    return replace(message(), body=b'{"specversion": "1.0", ')


def _not_utf8() -> Message:
    return replace(message(), body=b"\xff\xfe\x00")


def _ten_megabytes() -> Message:
    return replace(message(), body=orjson.dumps({"specversion": "1.0", "data": "x" * 10_000_000}))


@pytest.mark.parametrize(
    ("poison", "reason"),
    [
        (_invalid_json, "invalid_json"),
        (_not_utf8, "invalid_json"),
        (_ten_megabytes, "too_large"),
        (lambda: message(specversion="0.3"), "invalid_envelope"),
        (lambda: message(sequence=7), "invalid_envelope"),
        (lambda: message(data=[1]), "invalid_envelope"),
        (lambda: message(time="yesterday"), "invalid_envelope"),
        (lambda: message(dataschema=f"urn:waybill:event:{TYPE}:v2"), "unsupported_version"),
        (
            lambda: replace(message(), message_id="", headers={"x-first-failed-at": "\x00nonsense"}, body=b""),
            "invalid_json",
        ),
    ],
    ids=["json", "bytes", "size", "specversion", "sequence", "data", "time", "version", "no id"],
)
def test_poison_is_filed_with_its_reason_and_its_neighbours_are_handled(
    flow: Flow, poison: Callable[[], Message], reason: str
) -> None:
    bad = poison()
    publish(flow.broker, message("usr_1"), bad, message("usr_2"))
    with flow.consuming():
        eventually(lambda: len(flow.letters()) == 1)
        eventually(lambda: flow.count("effect") == 2)
    [letter] = flow.letters()
    assert (letter.reason, letter.body) == (reason, bad.body)


def test_an_unknown_member_is_ignored_and_an_unknown_type_is_acknowledged_and_counted(flow: Flow) -> None:
    router = EventRouter({TYPE: flow.effect_once})
    publish(flow.broker, message(novelty={"a": 1}), message(type="auth.user.teleported"))
    with flow.consuming(router):
        eventually(lambda: flow.consumed("ignored"))
        eventually(lambda: flow.count("effect") == 1)
    assert (flow.broker.depth(QUEUE), flow.dead()) == (0, 0)


def test_an_event_made_by_a_handler_names_its_cause_its_correlation_and_its_trace(flow: Flow) -> None:
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    young = message("usr_1", traceparent=trace, correlationid="req-1")
    old = message("usr_2", traceparent=trace, correlationid="req-2", time="2020-01-01T00:00:00Z")

    def react(event: IncomingEvent) -> None:
        with flow.engine.begin() as connection:
            append_events(connection, [NewEvent("notifier.notification.sent", event.subject, {})])

    publish(flow.broker, young, old)
    with flow.consuming(react):
        eventually(lambda: flow.count("event_log") == 2)
    rows = flow.rows(
        "SELECT causation_id, correlation_id, split_part(traceparent, '-', 2) FROM event_log ORDER BY position"
    )
    assert rows[0] == (young.message_id, "req-1", trace.split("-")[1])
    assert rows[1][:2] == (old.message_id, "req-2")
    assert rows[1][2] != trace.split("-")[1], "an old event starts a trace of its own"


def test_a_drain_finishes_what_is_in_hand_and_gives_the_rest_back_in_order(flow: Flow) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def slow(event: IncomingEvent) -> Handling | None:
        if event.sequence == 3:
            begun.set()
            assert go_on.wait(30)
        return flow.effect_once(event)

    publish(flow.broker, *[message("usr_1", number) for number in range(1, 21)])
    with flow.consuming(slow):
        assert begun.wait(30)
        threading.Timer(0.05, go_on.set).start()  # the handler ends while the drain is under way
    assert flow.effects("usr_1") == [1, 2, 3]

    eventually(lambda: flow.broker.depth(QUEUE) == 17)
    with flow.consuming():
        eventually(lambda: flow.count("effect") == 20)
    assert flow.effects("usr_1") == list(range(1, 21))
    assert flow.metric("inbox_duplicates_total") == 0, "what was finished was also acknowledged"


def test_readiness_follows_the_subscription_and_liveness_does_not(flow: Flow) -> None:
    from waybill_common.messaging import ConsumerMetrics, ConsumerRunner

    runner = ConsumerRunner(
        flow.broker, QUEUE, flow.effect_once, metrics=ConsumerMetrics(flow.registry), options=CONSUMING
    )
    assert runner.check_ready() is not None
    assert runner.check_live() is None
    from .support import running

    with running(runner.run):
        eventually(lambda: runner.check_ready() is None)
