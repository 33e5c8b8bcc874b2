"""Facts about a charge, merged: in any order and however often, the same sums and each movement once."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from waybill_orders.domain.payments import (
    ChargeFacts,
    Movement,
    Operation,
    Payment,
    PaymentState,
    fail,
    learn,
)

pytestmark = pytest.mark.unit
NOW = datetime(2026, 1, 2, tzinfo=UTC)
AMOUNT = 1000


def payment(*, capture: bool = False) -> Payment:
    return Payment(
        id="pay_1",
        order_id="ord_1",
        attempt=1,
        status=PaymentState.PENDING,
        method={"type": "sandbox", "token": "tok_approve"},
        capture=capture,
        currency="EUR",
        amount_minor=AMOUNT,
        reference="order:ord_1:charge:1",
        gateway="sandbox",
        actor="usr_1",
        created_at=NOW,
        updated_at=NOW,
    )


def facts(status: str, captured: int = 0, released: int = 0) -> ChargeFacts:
    return ChargeFacts("chg_1", "order:ord_1:charge:1", status, captured, released)


@st.composite
def histories(draw: st.DrawFn) -> list[ChargeFacts]:
    """What a gateway may tell of one charge, in the order in which it came about."""
    told, captured = [facts("pending"), facts("authorized")], 0
    for part in draw(st.lists(st.integers(1, 400), max_size=4)):
        captured = min(AMOUNT, captured + part)
        told.append(facts("captured", captured))
    if draw(st.booleans()):
        told.append(facts("captured" if captured else "voided", captured, AMOUNT - captured))
    return told


@given(histories(), st.data())
def test_facts_in_any_order_and_number_come_to_the_same(history: list[ChargeFacts], data: st.DataObject) -> None:
    shuffled = data.draw(st.permutations(history + data.draw(st.lists(st.sampled_from(history)))))
    moved: list[Movement] = []
    known = payment()
    for fact in shuffled:
        known, steps = learn(known, fact)
        moved.extend(steps)
    last = history[-1]
    assert (known.captured_minor, known.released_minor) == (last.captured_minor, last.released_minor)
    assert known.authorized_minor == AMOUNT - last.captured_minor - last.released_minor
    sums = {kind: sum(step.amount_minor for step in moved if step.kind == kind) for kind in ("captured", "voided")}
    assert sums == {"captured": last.captured_minor, "voided": last.released_minor}
    assert [step for step in moved if step.kind == "authorized"] == [Movement("authorized", AMOUNT)]
    assert all(step.amount_minor > 0 for step in moved)


def test_money_taken_at_once_is_captured_without_being_authorized() -> None:
    known, moved = learn(payment(capture=True), facts("captured", AMOUNT))
    assert (known.status, moved) == (PaymentState.CAPTURED, (Movement("captured", AMOUNT),))


def test_a_decline_ends_a_pending_attempt_and_no_other() -> None:
    declined, moved = learn(payment(), replace(facts("declined"), code="card_declined"))
    assert (declined.status, declined.failure_code, moved) == (
        PaymentState.DECLINED,
        "card_declined",
        (Movement("declined", AMOUNT),),
    )
    held, _ = learn(payment(), facts("authorized"))
    assert learn(held, facts("declined")) == (held, ())
    assert fail(held, PaymentState.FAILED, "gateway_timeout") == (held, ())


def test_an_attempt_given_up_learns_of_its_money() -> None:
    given_up, _ = fail(payment(capture=True), PaymentState.FAILED, "gateway_timeout")
    known, moved = learn(given_up, facts("captured", AMOUNT))
    assert (known.status, known.failure_code, moved) == (PaymentState.CAPTURED, None, (Movement("captured", AMOUNT),))


@pytest.mark.parametrize(
    "odd",
    [
        facts("captured", AMOUNT + 1),
        facts("captured", 600, 401),
        facts("captured", -1),
        replace(facts("captured", 1), reference="order:ord_2:charge:1"),
    ],
)
def test_facts_that_cannot_be_about_the_payment_are_refused(odd: ChargeFacts) -> None:
    assert not odd.fits(payment())
    with pytest.raises(ValueError, match="cannot be about payment pay_1"):
        learn(payment(), odd)


def test_facts_about_another_charge_do_not_fit_a_payment_that_has_one() -> None:
    known, _ = learn(payment(), facts("authorized"))
    assert not replace(facts("captured", 1), charge_id="chg_2").fits(known)


def test_a_command_keeps_its_key_in_every_try() -> None:
    charging = payment().begin(Operation.CHARGE, AMOUNT, ("scope", "key"))
    assert charging.gateway_key == "order:ord_1:charge:1"
    first = charging.rest().begin(Operation.CAPTURE, 300, None)
    assert first.gateway_key == replace(first, tries=2).gateway_key == "order:ord_1:capture:1.2"
    assert first.rest().begin(Operation.CAPTURE, 300, None).gateway_key == "order:ord_1:capture:1.3"
    with pytest.raises(ValueError, match="no command in flight"):
        _ = first.rest().gateway_key
