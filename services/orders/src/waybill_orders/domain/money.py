"""Money as whole minor units of one ISO 4217 currency, and the only places where anything is rounded."""

from collections.abc import Sequence
from dataclasses import dataclass

from waybill_orders.domain.errors import CurrencyMismatchError

MAX_MINOR = 2**53 - 1  # what every JSON reader can hold exactly (RFC 8259 section 6)

# ISO 4217:2015 minor-unit exponents of the currencies that may be priced in; one that is not here does not exist.
_NO_DIGITS = "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF"
_TWO_DIGITS = """
    AED ARS AUD BGN BRL CAD CHF CNY COP CZK DKK EGP EUR GBP HKD HUF IDR ILS INR KES MAD MXN MYR NGN NOK NZD PEN PHP PKR
    PLN QAR RON SAR SEK SGD THB TRY TWD UAH USD ZAR
"""
_THREE_DIGITS = "BHD IQD JOD KWD LYD OMR TND"
EXPONENTS: dict[str, int] = (
    dict.fromkeys(_NO_DIGITS.split(), 0)
    | dict.fromkeys(_TWO_DIGITS.split(), 2)
    | dict.fromkeys(_THREE_DIGITS.split(), 3)
)


@dataclass(frozen=True, order=False)
class Money:
    """An amount in minor units; raises ValueError beyond +-(2^53 - 1) or for a currency without an exponent."""

    amount: int
    currency: str

    def __post_init__(self) -> None:
        if abs(self.amount) > MAX_MINOR:
            raise ValueError(f"{self.amount} is beyond what JSON numbers hold exactly")
        if self.currency not in EXPONENTS:
            raise ValueError(f"{self.currency!r} is no currency of the table in money.py")

    def require(self, currency: str) -> int:
        """Return the amount when it is in `currency`; raises CurrencyMismatchError otherwise."""
        if self.currency != currency:
            raise CurrencyMismatchError(currency, self.currency)
        return self.amount


def divide_half_up(numerator: int, denominator: int) -> int:
    """Divide whole numbers and round half away from zero; `denominator` must be positive."""
    if denominator <= 0:
        raise ValueError("the denominator must be positive")
    magnitude = (2 * abs(numerator) + denominator) // (2 * denominator)
    return magnitude if numerator >= 0 else -magnitude


def share(total_minor: int, units: int, of_units: int) -> int:
    """Return the part of a line's total that `units` of its `of_units` units carry, rounded half up once.

    Exact at both ends: no unit carries 0, all units carry the total.
    """
    return divide_half_up(total_minor * units, of_units)


def spread(amount_minor: int, weights: Sequence[int]) -> list[int]:
    """Spread an amount over weights by largest remainder, so that the parts sum exactly to it.

    Raises ValueError when there is nothing to spread over. Ties go to the earlier part.
    """
    whole = sum(weights)
    if whole <= 0 or any(weight < 0 for weight in weights):
        raise ValueError("the weights must be non-negative and not all zero")
    sign = -1 if amount_minor < 0 else 1
    magnitude = abs(amount_minor)
    parts = [magnitude * weight // whole for weight in weights]
    by_remainder = sorted(range(len(weights)), key=lambda index: (-(magnitude * weights[index] % whole), index))
    for index in by_remainder[: magnitude - sum(parts)]:
        parts[index] += 1
    return [sign * part for part in parts]
