"""Messaging without servers: envelopes, copies, kinds of failure, and the search for a row the broker refuses."""

from __future__ import annotations

import orjson
import psycopg2
import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError
from waybill_common.clock import parse_rfc3339
from waybill_common.messaging.backoff import Backoff, jittered
from waybill_common.messaging.batch_sizer import BatchSizer
from waybill_common.messaging.broker import BrokerUnavailableError, Message
from waybill_common.messaging.copies import (
    LIMIT_REPLAYED,
    dead_letter_copy,
    deserves_another_round,
    replay_copy,
    retry_copy,
)
from waybill_common.messaging.errors import EventTooLargeError, PermanentMessageError, TransientMessageError
from waybill_common.messaging.events import LoggedEvent, build_message, parse_event
from waybill_common.messaging.failures import Failure, classify, reason_of
from waybill_common.messaging.schema import MAX_EVENT_BYTES
from waybill_common.sessions import CircuitOpenError

pytestmark = pytest.mark.unit
QUEUE = "orders.events.v1"
TIME = "2026-01-02T03:04:05.123456Z"


def logged(**changes: object) -> LoggedEvent:
    event = LoggedEvent("e-1", "orders.order.placed", 1, "ord_1", 7, TIME, 1_767_323_045, '{"n": 1}')
    return event._replace(**changes)  # type: ignore[arg-type]


# --- envelope ----------------------------------------------------------------------------------------------------


def test_an_event_is_cloudevents_structured_json_and_can_be_read_back() -> None:
    message = build_message(logged(correlation_id="req-1", causation_id="e-0", traceparent="00-a-b-00"))
    envelope = orjson.loads(message.body)
    assert envelope == {
        "specversion": "1.0",
        "id": "e-1",
        "source": "/waybill/orders",
        "type": "orders.order.placed",
        "subject": "ord_1",
        "time": TIME,
        "datacontenttype": "application/json",
        "dataschema": "urn:waybill:event:orders.order.placed:v1",
        "sequence": "7",
        "correlationid": "req-1",
        "causationid": "e-0",
        "traceparent": "00-a-b-00",
        "data": {"n": 1},
    }
    assert (message.message_id, message.type, message.app_id) == ("e-1", "orders.order.placed", "orders")
    assert message.headers == {"traceparent": "00-a-b-00"}
    event = parse_event(message)
    assert (event.id, event.sequence, event.time, event.data) == ("e-1", 7, parse_rfc3339(TIME), {"n": 1})


def test_numbers_travel_as_they_were_written() -> None:
    body = build_message(logged(data='{"big": 123456789012345678901234567890, "price": 1.10}')).body
    assert b'"data":{"big": 123456789012345678901234567890, "price": 1.10}' in body


def test_an_envelope_above_the_limit_and_a_type_that_is_no_routing_key_are_refused() -> None:
    with pytest.raises(EventTooLargeError):
        build_message(logged(data=orjson.dumps({"x": "x" * MAX_EVENT_BYTES}).decode()))
    with pytest.raises(ValueError, match="routing key"):
        build_message(logged(type="a" * 256))


@given(
    st.binary(max_size=200)
    | st.recursive(
        st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=20),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(
                    ["specversion", "id", "type", "data", "time", "subject", "source", "dataschema", "sequence"]
                ),
                inner,
                max_size=9,
            )
        ),
        max_leaves=12,
    ).map(orjson.dumps)
)
def test_whatever_a_message_holds_it_is_read_or_refused_for_good(body: bytes) -> None:
    """Any other error would send nonsense up the retry ladder."""
    reason = "none"
    try:
        parse_event(Message(QUEUE, body, "m-1"))
    except PermanentMessageError as error:
        reason = error.reason
    assert reason in {"none", "invalid_json", "invalid_envelope", "unsupported_version"}


# --- copies ------------------------------------------------------------------------------------------------------


def failed(**headers: object) -> Message:
    return Message(QUEUE, b"body", "m-1", headers)


def test_the_ladder_has_three_rungs_and_keeps_the_first_failures_time() -> None:
    targets, message = [], failed(traceparent="t")
    while (copy := retry_copy(QUEUE, message, TransientMessageError("x"))) is not None:
        targets.append(copy.routing_key)
        first_at = message.headers.get("x-first-failed-at")
        message = copy.message
        assert first_at in {None, message.headers["x-first-failed-at"]}
    assert targets == [f"{QUEUE}.retry.5s", f"{QUEUE}.retry.1m", f"{QUEUE}.retry.10m"]
    assert message.headers["x-attempt"] == 3
    assert message.headers["x-error-class"] == "waybill_common.messaging.errors.TransientMessageError"
    assert message.headers["traceparent"] == "t"


def test_no_copy_carries_what_the_broker_wrote() -> None:
    death = {
        "x-death": [{"reason": "expired"}],
        "x-first-death-queue": "q",
        "x-last-death-reason": "expired",
        "x-delivery-count": 4,
    }
    copies = [
        retry_copy(QUEUE, failed(**death), ValueError()),
        dead_letter_copy(QUEUE, failed(**death), "why", ValueError("how" * 1000)),
        replay_copy(QUEUE, failed(**death)),
    ]
    for copy in copies:
        assert copy is not None
        assert not set(copy.message.headers) & set(death)
        assert (copy.exchange, copy.message.body, copy.message.message_id) == ("", b"body", "m-1")
    assert len(copies[1].message.headers["x-error"]) == 1_000  # type: ignore[union-attr]


def test_a_replay_starts_the_ladder_anew() -> None:
    copy = replay_copy(QUEUE, failed(**{"x-attempt": 3, "x-reason": "r", "x-error": "e", "traceparent": "t"}))
    assert copy.message.headers == {"traceparent": "t"}


def test_only_the_first_death_of_the_delivery_limit_deserves_another_round() -> None:
    died = {"x-death": [{"reason": "delivery_limit"}, {"reason": "expired"}]}
    assert deserves_another_round(failed(**died))
    assert not deserves_another_round(failed(**died, **{LIMIT_REPLAYED: 1}))
    assert not deserves_another_round(failed(**{"x-death": [{"reason": "rejected"}]}))
    assert not deserves_another_round(failed())
    again = replay_copy(QUEUE, failed(**died), after_delivery_limit=True).message
    assert again.headers == {LIMIT_REPLAYED: 1}


# --- kinds of failure --------------------------------------------------------------------------------------------


class Fields(BaseModel):
    a: int


def _validation_error() -> ValidationError:
    with pytest.raises(ValidationError) as caught:
        Fields.model_validate({})
    return caught.value


@pytest.mark.parametrize(
    ("error", "failure"),
    [
        (PermanentMessageError("why"), Failure.PERMANENT),
        (_validation_error(), Failure.PERMANENT),
        (TransientMessageError("later"), Failure.TRANSIENT),
        (CircuitOpenError("auth", "open"), Failure.TRANSIENT),
        (psycopg2.OperationalError("connection refused"), Failure.INFRASTRUCTURE),
        (sa.exc.TimeoutError("pool"), Failure.INFRASTRUCTURE),
        (BrokerUnavailableError("gone"), Failure.INFRASTRUCTURE),
        (KeyError("a"), Failure.UNKNOWN),
        (sa.exc.ProgrammingError("SELECT", {}, psycopg2.ProgrammingError("typo")), Failure.UNKNOWN),
    ],
)
def test_each_failure_is_told_apart(error: Exception, failure: Failure) -> None:
    assert classify(error) is failure
    assert reason_of(error, failure)


# --- the refused row ---------------------------------------------------------------------------------------------


@given(st.integers(1, 120), st.data())
def test_the_search_buries_exactly_the_poison_and_passes_everything_else_in_order(
    full: int, data: st.DataObject
) -> None:
    size = data.draw(st.integers(1, 300))
    poison = set(data.draw(st.lists(st.integers(0, size - 1), max_size=4)))
    sizer, queue, passed, buried, steps = BatchSizer(full), list(range(size)), [], [], 0
    while queue:
        steps += 1
        assert steps < 60 * (len(poison) + 1) + size, "it must come to an end soon"
        batch = queue[: sizer.limit]
        if poison.isdisjoint(batch):
            sizer.taken(batch)
            passed += batch
            queue = queue[len(batch) :]
        elif (guilty := sizer.refused(batch)) is not None:
            buried.append(guilty)
            queue.remove(guilty)
    assert (set(buried), passed) == (poison, [number for number in range(size) if number not in poison])


def test_a_row_that_is_refused_twice_alone_and_then_taken_is_not_guilty() -> None:
    sizer = BatchSizer(10)
    assert [sizer.refused([1]), sizer.refused([1])] == [None, None]
    sizer.taken([1])
    assert [sizer.refused([2]), sizer.refused([2])] == [None, None]
    assert sizer.refused([2]) == 2


# --- waiting -----------------------------------------------------------------------------------------------------


def test_a_backoff_doubles_its_bound_up_to_the_most_and_starts_again_after_a_success() -> None:
    backoff = Backoff(0.1, 5.0)
    bounds = [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0]
    assert all(bound / 10 <= backoff.next_seconds() <= bound for bound in bounds)
    backoff.reset()
    assert backoff.next_seconds() <= 0.1
    assert 0.8 <= jittered(1.0) <= 1.2
