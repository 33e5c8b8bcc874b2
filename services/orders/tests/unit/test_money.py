"""Rounding and spreading of whole minor units."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from waybill_orders.domain.errors import CurrencyMismatchError
from waybill_orders.domain.money import EXPONENTS, MAX_MINOR, Money, divide_half_up, share, spread

pytestmark = pytest.mark.unit

AMOUNTS = st.integers(-MAX_MINOR, MAX_MINOR)


@given(AMOUNTS, st.integers(1, 10**9))
def test_division_rounds_half_away_from_zero(numerator: int, denominator: int) -> None:
    exact = abs(Fraction(numerator, denominator))
    expected = int(exact + Fraction(1, 2))
    assert divide_half_up(numerator, denominator) == (expected if numerator >= 0 else -expected)


def test_the_half_that_other_platforms_lose() -> None:
    assert divide_half_up(10285, 10) == 1029
    assert divide_half_up(-10285, 10) == -1029
    with pytest.raises(ValueError, match="positive"):
        divide_half_up(1, 0)


@given(AMOUNTS, st.integers(1, 10**6), st.data())
def test_a_share_is_exact_at_both_ends_and_never_leaves_them(total: int, units: int, data: st.DataObject) -> None:
    assert (share(total, 0, units), share(total, units, units)) == (0, total)
    part = share(total, data.draw(st.integers(0, units)), units)
    assert min(0, total) <= part <= max(0, total)


@given(AMOUNTS, st.lists(st.integers(0, 10**12), min_size=1, max_size=30).filter(any))
def test_parts_sum_exactly_and_stay_within_one_of_their_share(amount: int, weights: list[int]) -> None:
    parts = spread(amount, weights)
    assert sum(parts) == amount
    for part, weight in zip(parts, weights, strict=True):
        assert abs(part - Fraction(amount * weight, sum(weights))) < 1


def test_a_cent_goes_to_the_largest_remainder_and_a_tie_to_the_first() -> None:
    assert spread(100, [1, 1, 1]) == [34, 33, 33]
    assert spread(-100, [1, 1, 1]) == [-34, -33, -33]
    assert spread(10, [0, 3, 7]) == [0, 3, 7]
    for weights in ([], [0, 0], [-1, 2]):
        with pytest.raises(ValueError, match="weights"):
            spread(1, weights)


def test_money_knows_its_currency_and_its_bounds() -> None:
    assert (EXPONENTS["JPY"], EXPONENTS["EUR"], EXPONENTS["KWD"]) == (0, 2, 3)
    assert Money(5, "EUR").require("EUR") == 5
    with pytest.raises(CurrencyMismatchError):
        Money(5, "EUR").require("USD")
    with pytest.raises(ValueError, match="beyond"):
        Money(MAX_MINOR + 1, "EUR")
    with pytest.raises(ValueError, match="currency"):
        Money(1, "XXX")
