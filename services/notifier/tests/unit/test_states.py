"""Which transitions a delivery may make, and which it never makes."""

import itertools

import pytest
from waybill_notifier.domain.errors import InvalidTransitionError
from waybill_notifier.domain.states import Cause, State, allowed_from, guard_transition

pytestmark = pytest.mark.unit

FINAL = {
    State.DELIVERED,
    State.FAILED,
    State.EXHAUSTED,
    State.BOUNCED,
    State.COMPLAINED,
    State.SUPPRESSED,
    State.SKIPPED,
    State.CANCELED,
}


@pytest.mark.parametrize("cause", list(Cause))
def test_the_guard_agrees_with_its_table(cause):
    for current, wanted in itertools.product(State, State):
        if wanted in allowed_from(current, cause):
            guard_transition(current, wanted, cause)
        else:
            with pytest.raises(InvalidTransitionError):
                guard_transition(current, wanted, cause)


def test_work_never_leaves_a_final_state():
    assert {state for state in FINAL if allowed_from(state, Cause.WORK)} == set()


def test_a_late_receipt_moves_only_what_was_handed_over():
    moves = {state: allowed_from(state, Cause.RECEIPT) for state in State if allowed_from(state, Cause.RECEIPT)}
    assert moves == {
        State.SENT: {State.DELIVERED, State.BOUNCED, State.COMPLAINED},
        State.UNCERTAIN: {State.DELIVERED, State.BOUNCED},
        State.DELIVERED: {State.BOUNCED},
    }


def test_a_person_cannot_touch_what_is_being_sent_or_was_sent():
    for state in (State.SENDING, State.SENT, State.DELIVERED, State.BOUNCED, State.SKIPPED):
        assert allowed_from(state, Cause.STAFF) == frozenset()


def test_an_attempt_begins_from_queued_alone():
    assert [state for state in State if State.SENDING in allowed_from(state, Cause.WORK)] == [State.QUEUED]


def test_the_error_says_what_would_be_allowed():
    with pytest.raises(InvalidTransitionError) as caught:
        guard_transition(State.HELD, State.SENT, Cause.STAFF)
    assert caught.value.allowed == ["canceled", "queued"]
