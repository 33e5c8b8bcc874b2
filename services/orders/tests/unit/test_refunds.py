"""What may be given back, and what must be."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from waybill_orders.domain.errors import AmountRefusedError, QuantityRefusedError
from waybill_orders.domain.order import Order, OrderLine
from waybill_orders.domain.payments import Payment, PaymentState
from waybill_orders.domain.refunds import (
    Refund,
    RefundState,
    choose_payment,
    lines_minor,
    plan_return,
    refundable_minor,
)
from waybill_orders.domain.states import Status

pytestmark = pytest.mark.unit
NOW = datetime(2026, 1, 2, tzinfo=UTC)


def payment(attempt: int, captured: int = 0, held: int = 0, *, refunded: int = 0, late: bool = False) -> Payment:
    return Payment(
        id=f"pay_{attempt}",
        order_id="ord_1",
        attempt=attempt,
        status=PaymentState.CAPTURED,
        method={"type": "sandbox"},
        capture=True,
        currency="EUR",
        amount_minor=captured + held,
        authorized_minor=held,
        captured_minor=captured,
        refunded_minor=refunded,
        late=late,
        reference=f"order:ord_1:charge:{attempt}",
        gateway="sandbox",
        actor="usr_1",
        created_at=NOW,
        updated_at=NOW,
    )


def refund(payment_id: str, amount: int, status: RefundState = RefundState.PENDING) -> Refund:
    return Refund(
        id="rfd_1",
        order_id="ord_1",
        payment_id=payment_id,
        status=status,
        currency="EUR",
        amount_minor=amount,
        reason="test",
        reference="order:ord_1:refund:rfd_1",
        actor="usr_1",
        created_at=NOW,
        updated_at=NOW,
    )


def order(status: Status = Status.CONFIRMED, *, canceled: int = 0) -> Order:
    line = OrderLine(
        line=1, sku="TEA", name="Tea", quantity=3, unit_price_minor=333, total_minor=1000, quantity_canceled=canceled
    )
    return Order(
        id="ord_1",
        channel="web",
        number="1",
        customer_id="usr_1",
        status=status,
        currency="EUR",
        subtotal_minor=1000,
        total_minor=1000,
        version=1,
        placed_at=NOW,
        updated_at=NOW,
        expires_at=None,
        lines=(line,),
    )


def test_a_refund_under_way_counts_as_given() -> None:
    taken = payment(1, 1000, refunded=200)
    assert refundable_minor(taken, []) == 800
    assert refundable_minor(taken, [refund("pay_1", 300), refund("pay_2", 99)]) == 500
    assert refundable_minor(taken, [refund("pay_1", 300, RefundState.FAILED)]) == 800


def test_the_newest_payment_that_can_carry_it_is_chosen() -> None:
    payments = [payment(1, 800), payment(2, 300), payment(3, held=500)]
    assert choose_payment(payments, [], 250, "EUR") == (payments[1], 250)
    assert choose_payment(payments, [], 301, "EUR") == (payments[0], 301)
    assert choose_payment(payments, [], None, "EUR") == (payments[0], 800)
    for wanted in (801, 0, -1):
        with pytest.raises(AmountRefusedError) as refused:
            choose_payment(payments, [], wanted, "EUR")
        assert refused.value.limit_minor == 800
    with pytest.raises(AmountRefusedError):
        choose_payment([], [], None, "EUR")


def test_lines_cost_their_share_rounded_once() -> None:
    assert [lines_minor(order(), [(1, units)]) for units in (1, 2, 3)] == [333, 667, 1000]
    assert lines_minor(order(), [(1, 1), (1, 1)]) == 667
    for wrong in [(2, 1)], [(1, 4)], [(1, 2), (1, 2)]:
        with pytest.raises(QuantityRefusedError):
            lines_minor(order(), wrong)


@pytest.mark.parametrize("status", [Status.CANCELED, Status.EXPIRED])
def test_an_order_that_has_ended_gives_everything_back(status: Status) -> None:
    payments = [payment(1, 400, 100), payment(2, 500, refunded=100)]
    steps = plan_return(order(status), payments, [refund("pay_1", 150)])
    assert [(step.payment.attempt, step.releases, step.amount_minor) for step in steps] == [
        (1, True, 100),
        (2, False, 400),
        (1, False, 250),
    ]


def test_a_live_order_gives_back_what_it_was_paid_too_much_late_money_first() -> None:
    assert plan_return(order(), [payment(1, 1000)], []) == []
    assert plan_return(order(), [payment(1, held=1000)], []) == []
    late = payment(1, 600, 400, late=True)
    steps = plan_return(order(), [late, payment(2, 1000)], [])
    assert [(step.payment.attempt, step.releases, step.amount_minor) for step in steps] == [
        (1, True, 400),
        (1, False, 600),
    ]
    shrunk = plan_return(order(canceled=1), [payment(1, 1000)], [])
    assert [(step.releases, step.amount_minor) for step in shrunk] == [(False, 333)]
    already_kind = replace(payment(1, 1000), refunded_minor=400)
    assert plan_return(order(canceled=1), [already_kind], []) == []
