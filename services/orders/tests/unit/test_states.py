"""The state machine and the two derived statuses."""

from itertools import product

import pytest
from waybill_orders.domain.errors import InvalidTransitionError
from waybill_orders.domain.states import (
    TRANSITIONS,
    Balance,
    FulfillmentStatus,
    PaymentStatus,
    Status,
    allowed_from,
    fulfillment_status,
    payment_status,
    require_transition,
)

pytestmark = pytest.mark.unit

ALLOWED = {
    ("draft", "pending"),
    ("draft", "confirmed"),
    ("pending", "confirmed"),
    ("pending", "canceled"),
    ("pending", "expired"),
    ("confirmed", "completed"),
    ("confirmed", "canceled"),
}


@pytest.mark.parametrize(("before", "after"), list(product(Status, Status)))
def test_a_status_follows_another_only_as_the_table_says(before: Status, after: Status) -> None:
    if (before.value, after.value) in ALLOWED:
        require_transition(before, after)
        return
    with pytest.raises(InvalidTransitionError) as refused:
        require_transition(before, after)
    assert refused.value.allowed == allowed_from(before)


def test_every_status_is_in_the_table() -> None:
    assert set(TRANSITIONS) == set(Status)


def balance(**figures: int | bool) -> Balance:
    given = {"due": 100, "total": 100, "authorized": 0, "captured": 0, "refunded": 0, "voided": False} | figures
    return Balance(**given)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("figures", "status"),
    [
        ({}, PaymentStatus.NONE),
        ({"voided": True}, PaymentStatus.VOIDED),
        ({"authorized": 40}, PaymentStatus.AUTHORIZED),
        ({"authorized": 40, "voided": True}, PaymentStatus.AUTHORIZED),
        ({"captured": 40}, PaymentStatus.PARTIALLY_PAID),
        ({"captured": 40, "authorized": 60}, PaymentStatus.PARTIALLY_PAID),
        ({"captured": 100}, PaymentStatus.PAID),
        ({"captured": 60, "due": 60}, PaymentStatus.PAID),
        ({"captured": 100, "due": 60}, PaymentStatus.PAID),
        ({"captured": 101}, PaymentStatus.OVERPAID),
        ({"captured": 100, "refunded": 1}, PaymentStatus.PARTIALLY_REFUNDED),
        ({"captured": 100, "refunded": 100}, PaymentStatus.REFUNDED),
        ({"captured": 200, "refunded": 100}, PaymentStatus.PARTIALLY_REFUNDED),
    ],
)
def test_the_payment_status_follows_from_the_money(figures: dict[str, int], status: PaymentStatus) -> None:
    assert payment_status(balance(**figures)) is status


@pytest.mark.parametrize(
    ("units", "status"),
    [
        ((5, 0, 0, 0), FulfillmentStatus.UNFULFILLED),
        ((5, 2, 0, 0), FulfillmentStatus.PARTIAL),
        ((5, 2, 2, 0), FulfillmentStatus.PARTIAL),
        ((5, 5, 2, 0), FulfillmentStatus.FULFILLED),
        ((5, 5, 5, 0), FulfillmentStatus.DELIVERED),
        ((2, 2, 2, 0), FulfillmentStatus.DELIVERED),
        ((5, 5, 5, 1), FulfillmentStatus.PARTIALLY_RETURNED),
        ((5, 5, 5, 5), FulfillmentStatus.RETURNED),
        ((0, 0, 0, 0), FulfillmentStatus.UNFULFILLED),
    ],
)
def test_the_fulfillment_status_follows_from_the_units(
    units: tuple[int, int, int, int], status: FulfillmentStatus
) -> None:
    active, shipped, delivered, returned = units
    assert fulfillment_status(active=active, shipped=shipped, delivered=delivered, returned=returned) is status
