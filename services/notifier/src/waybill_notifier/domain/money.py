"""How many digits the minor unit of a currency has (ISO 4217); two unless listed."""

from collections.abc import Mapping
from decimal import Decimal

_EXPONENTS: Mapping[str, int] = {
    **dict.fromkeys(
        (
            "BIF",
            "CLP",
            "DJF",
            "GNF",
            "ISK",
            "JPY",
            "KMF",
            "KRW",
            "PYG",
            "RWF",
            "UGX",
            "VND",
            "VUV",
            "XAF",
            "XOF",
            "XPF",
        ),
        0,
    ),
    **dict.fromkeys(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"), 3),
}


def exponent_of(currency: str) -> int:
    """Digits after the decimal mark: JPY 0, EUR 2, KWD 3."""
    return _EXPONENTS.get(currency, 2)


def major_units(amount_minor: int, currency: str) -> Decimal:
    """1999 EUR cents → Decimal("19.99")."""
    return Decimal(amount_minor).scaleb(-exponent_of(currency))
