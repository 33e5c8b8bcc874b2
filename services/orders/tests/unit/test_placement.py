"""How a wish and today's prices become an order."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from waybill_orders.domain.errors import CurrencyMismatchError, FieldRefusedError, TotalDriftError
from waybill_orders.domain.money import MAX_MINOR, Money
from waybill_orders.domain.placement import Price, Quote, Wanted, Wish, compose
from waybill_orders.models.placement import wanted_units

from .build import NOW

pytestmark = pytest.mark.unit


def quote(*prices: Price, minutes: int | None = None) -> Quote:
    return Quote(NOW, "100001", minutes, {price.sku: price for price in prices})


def wish(*lines: tuple[str, int], expected: Money | None = None) -> Wish:
    wanted = [Wanted(sku, quantity) for sku, quantity in lines]
    return Wish(order_id="ord_1", channel="web", customer_id="usr_ann", lines=wanted, expected_total=expected)


TEA = Price("TEA", "Tea", 1999, "EUR", True)


@given(
    st.lists(
        st.tuples(st.sampled_from("ABCDE"), st.integers(1, 1000)),
        min_size=1,
        max_size=100,
    ),
    st.lists(st.integers(0, 10**9), min_size=5, max_size=5),
)
def test_the_total_is_the_sum_of_the_lines_and_stock_the_sum_of_the_units(
    lines: list[tuple[str, int]], amounts: list[int]
) -> None:
    prices = [Price(sku, sku, amount, "JPY", True) for sku, amount in zip("ABCDE", amounts, strict=True)]
    composed = compose(wish(*lines), quote(*prices), 30)
    assert composed.total_minor == sum(line.total_minor for line in composed.lines) == composed.due_minor
    assert all(line.total_minor == line.unit_price_minor * line.quantity for line in composed.lines)
    assert [line.line for line in composed.lines] == list(range(1, len(lines) + 1))
    wanted = wanted_units(composed.lines)
    assert sum(units for _, units in wanted) == sum(quantity for _, quantity in lines)
    assert [sku for sku, _ in wanted] == sorted({sku for sku, _ in lines})
    assert dict(wanted) == composed.reserved_units()


def test_the_clock_is_the_databases_and_the_time_to_pay_the_channels_or_the_settings() -> None:
    assert compose(wish(("TEA", 1)), quote(TEA), 30).expires_at == NOW + timedelta(minutes=30)
    assert compose(wish(("TEA", 1)), quote(TEA, minutes=5), 30).expires_at == NOW + timedelta(minutes=5)


def test_all_products_that_are_not_sold_are_named() -> None:
    gone = Price("OLD", "Old", 1, "EUR", False)
    with pytest.raises(FieldRefusedError) as refused:
        compose(wish(("OLD", 1), ("TEA", 1), ("NONE", 1)), quote(TEA, gone), 30)
    assert [pointer for pointer, _, _ in refused.value.faults] == ["/lines/0/sku", "/lines/2/sku"]


def test_currencies_do_not_mix() -> None:
    with pytest.raises(CurrencyMismatchError):
        compose(wish(("TEA", 1), ("Y", 1)), quote(TEA, Price("Y", "Y", 1, "JPY", True)), 30)
    with pytest.raises(CurrencyMismatchError):
        compose(wish(("TEA", 1), expected=Money(1999, "USD")), quote(TEA), 30)


def test_an_expected_total_is_met_or_the_drift_is_told() -> None:
    assert compose(wish(("TEA", 2), expected=Money(3998, "EUR")), quote(TEA), 30).total_minor == 3998
    with pytest.raises(TotalDriftError) as refused:
        compose(wish(("TEA", 2), expected=Money(3997, "EUR")), quote(TEA), 30)
    assert (refused.value.expected_minor, refused.value.current_minor) == (3997, 3998)


def test_a_total_beyond_what_json_holds_is_refused() -> None:
    gold = Price("GOLD", "Gold", MAX_MINOR, "EUR", True)
    assert compose(wish(("GOLD", 1)), quote(gold), 30).total_minor == MAX_MINOR
    with pytest.raises(FieldRefusedError):
        compose(wish(("GOLD", 1), ("GOLD", 1)), quote(gold), 30)
