"""Dead letters on a real database and both brokers: filed, shown, replayed to one queue with one effect, discarded."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import sqlalchemy as sa
from waybill_common.messaging import ConsumerMetrics, DeadLetterDrainer, IncomingEvent
from waybill_common.messaging.copies import dead_letter_copy
from waybill_common.messaging.dead_letters import (
    DeadLetter,
    DeadLetters,
    LetterFilter,
    LetterNotFoundError,
    LetterSettledError,
)
from waybill_common.messaging.drainer import DrainerOptions
from waybill_common.messaging.errors import PermanentMessageError
from waybill_common.messaging.topology import dead_letter_queue
from waybill_testkit.faulty_broker import Faults, FaultyBroker
from waybill_testkit.waiting import eventually

from .support import QUEUE, TOPOLOGY, Flow, message, publish, running

pytestmark = pytest.mark.integration
OTHER = "notifier.events.v1"


def file_one(flow: Flow, subject: str = "usr_1") -> str:
    """Let one message die of a business rule and return its letter's id."""

    def refuse(event: IncomingEvent) -> None:
        raise PermanentMessageError("refused", "not today")

    before = len(flow.letters())
    publish(flow.broker, message(subject))
    with flow.consuming(refuse):
        eventually(lambda: len(flow.letters()) == before + 1)
        eventually(lambda: flow.broker.depth(QUEUE) == 0)
    return flow.letters()[0].id


def ask_replay(flow: Flow, letter_id: str) -> None:
    with flow.engine.begin() as connection:
        DeadLetters(connection).request_replay(letter_id, "usr_staff")


def test_a_replayed_letter_has_its_effect_once_and_no_other_queue_sees_it(flow: Flow) -> None:
    letter_id = file_one(flow)
    assert flow.dead() == 1
    with flow.consuming():
        ask_replay(flow, letter_id)
        eventually(lambda: flow.count("effect") == 1)
        eventually(lambda: flow.letters()[0].state == "replayed")
        ask_replay(flow, letter_id)  # whoever presses twice
        eventually(lambda: flow.metric("inbox_duplicates_total") == 1)
    [letter] = flow.letters()
    assert (letter.id, letter.settled_by, flow.count("effect"), flow.dead()) == (letter_id, "usr_staff", 1, 0)
    assert flow.broker.depth(OTHER) == 0


def test_a_replay_that_fails_again_opens_the_same_letter(flow: Flow) -> None:
    letter_id = file_one(flow)
    ask_replay(flow, letter_id)

    def refuse(event: IncomingEvent) -> None:
        raise PermanentMessageError("refused_again")

    with flow.consuming(refuse):
        eventually(lambda: flow.letters()[0].count == 2)
    [letter] = flow.letters()
    assert (letter.id, letter.state, letter.reason) == (letter_id, "open", "refused_again")


def test_a_letter_can_be_found_shown_and_discarded(flow: Flow) -> None:
    first, second = file_one(flow, "usr_1"), file_one(flow, "usr_2")
    with flow.engine.begin() as connection:
        letters = DeadLetters(connection)
        assert [letter.id for letter in letters.search()] == [second, first]
        assert [letter.id for letter in letters.search(before=second, limit=1)] == [first]
        message_id = letters.show(first).message_id
        assert [letter.id for letter in letters.search(LetterFilter(message_id=message_id))] == [first]
        assert letters.search(LetterFilter(reason="handler_failed")) == []
        assert letters.discard(first, "usr_staff").state == "discarded"
        assert letters.open_count(QUEUE) == 1
        with pytest.raises(LetterSettledError):
            letters.request_replay(first, "usr_staff")
        for unknown in ("00000000-0000-7000-8000-000000000000", "no uuid"):
            with pytest.raises(LetterNotFoundError):
                letters.show(unknown)


def test_showing_a_letter_locks_nothing(flow: Flow) -> None:
    letter_id = file_one(flow)
    with flow.engine.connect() as reader, flow.engine.begin() as other:
        DeadLetters(reader).show(letter_id)
        other.execute(sa.text("SELECT 1 FROM dead_letter FOR UPDATE NOWAIT"))


@pytest.mark.parametrize("settle", [DeadLetters.discard, DeadLetters.request_replay])
def test_a_letter_that_was_settled_between_its_filing_and_a_lost_ack_stays_settled(
    flow: Flow, settle: Callable[[DeadLetters, str, str], DeadLetter]
) -> None:
    """What a kill in that window leaves: the row is there, and the queue hands the same death out again."""
    faulty = FaultyBroker(flow.broker, Faults(lost_acks=1_000))
    drainer = DeadLetterDrainer(
        faulty, flow.engine, QUEUE, ConsumerMetrics(flow.registry), DrainerOptions(topology=TOPOLOGY)
    )
    death = dead_letter_copy(QUEUE, message(), "refused", PermanentMessageError("refused", "not today"))
    publish(flow.broker, death.message, to=death.routing_key)
    with running(drainer.run):
        eventually(lambda: faulty.faults.lost_acks < 1_000)
    [letter] = flow.letters()
    with flow.engine.begin() as connection:
        settle(DeadLetters(connection), letter.id, "usr_staff")
    with flow.consuming():
        eventually(lambda: flow.metric("dead_letters_total", queue=QUEUE, outcome="filed") == 1)
        eventually(lambda: flow.dead() == 0)
    [letter] = flow.letters()
    assert letter.state == ("discarded" if settle is DeadLetters.discard else "replayed")
    assert (letter.count, letter.settled_by) == (1, "usr_staff")


def test_healthy_messages_that_reached_the_delivery_limit_by_reconnects_are_handled_and_none_is_filed(
    flow: Flow,
) -> None:
    publish(flow.broker, *[message("usr_1", number) for number in range(1, 6)])
    while flow.broker.depth(dead_letter_queue(QUEUE)) < 5:
        line = flow.broker.subscribe(QUEUE, 20)
        line.receive(20, 0.2)
        line.close()
    with flow.consuming():
        eventually(lambda: flow.count("effect") == 5)
        eventually(lambda: flow.dead() == 0)
    assert flow.letters() == []


def test_a_message_that_reaches_the_delivery_limit_twice_is_filed(flow: Flow) -> None:
    """The control of the test above, and the end of a message that kills its process."""
    publish(flow.broker, message())
    drainer = DeadLetterDrainer(
        flow.broker, flow.engine, QUEUE, ConsumerMetrics(flow.registry), DrainerOptions(topology=TOPOLOGY)
    )
    with running(drainer.run):

        def die_again() -> bool:
            line = flow.broker.subscribe(QUEUE, 1)
            line.receive(1, 0.05)
            line.close()
            return bool(flow.letters())

        eventually(die_again, within_seconds=60)
    [letter] = flow.letters()
    assert (letter.reason, letter.state) == ("delivery_limit", "open")
    assert flow.count("effect") == 0


def test_replays_asked_for_while_the_consumer_was_away_have_one_effect_each(flow: Flow) -> None:
    for letter_id in [file_one(flow, f"usr_{number}") for number in range(4)]:
        ask_replay(flow, letter_id)
    with flow.consuming():
        eventually(lambda: flow.dead() == 0)
        eventually(lambda: flow.count("effect") == 4)
    assert {letter.state for letter in flow.letters()} == {"replayed"}
