"""How a wish and today's prices become an order: lines, totals, time to pay, and every reason to refuse."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from waybill_orders.domain.errors import CurrencyMismatchError, FieldRefusedError, TotalDriftError
from waybill_orders.domain.money import MAX_MINOR, Money
from waybill_orders.domain.order import Order, OrderLine
from waybill_orders.domain.states import Status


@dataclass(frozen=True, slots=True)
class Wanted:
    """Some units of one SKU."""

    sku: str
    quantity: int


@dataclass(frozen=True, slots=True)
class Price:
    """What one unit of a SKU is called and costs today."""

    sku: str
    name: str
    unit_price_minor: int
    currency: str
    active: bool


@dataclass(frozen=True)
class Quote:
    """Today's prices by SKU, the database's clock, and the number that the next order of the channel bears.

    `expiry_minutes` is the channel's own time to pay, None where it has none.
    """

    quoted_at: datetime
    number: str
    expiry_minutes: int | None
    prices: Mapping[str, Price]


@dataclass(frozen=True, kw_only=True)
class Wish:
    """What a customer asks for; `expected_total` is what he agreed to pay, None when he takes today's price."""

    order_id: str
    channel: str
    customer_id: str
    lines: Sequence[Wanted]
    shipping_address: Mapping[str, str] = field(default_factory=dict)
    expected_total: Money | None = None
    external_reference: str | None = None


def compose(wish: Wish, quote: Quote, default_expiry_minutes: int) -> Order:
    """Return the order at version 0, pending and priced; amounts in minor units, sums of whole lines.

    Raises FieldRefusedError for SKUs that are not sold and for a total that cannot be written, CurrencyMismatchError
    when prices or the expected total are in different currencies, TotalDriftError when the total is not the expected
    one.
    """
    _require_sold(wish.lines, quote.prices)
    currency = quote.prices[wish.lines[0].sku].currency
    lines = tuple(
        _line(number, wanted, quote.prices[wanted.sku], currency) for number, wanted in enumerate(wish.lines, start=1)
    )
    subtotal = sum(line.total_minor for line in lines)
    if subtotal > MAX_MINOR:
        raise FieldRefusedError([("/lines", "max", "The order's total is larger than can be written.")])
    if wish.expected_total is not None and wish.expected_total.require(currency) != subtotal:
        raise TotalDriftError(wish.expected_total.amount, subtotal, currency)
    return Order(
        id=wish.order_id,
        channel=wish.channel,
        number=quote.number,
        customer_id=wish.customer_id,
        status=Status.PENDING,
        currency=currency,
        subtotal_minor=subtotal,
        total_minor=subtotal,
        version=0,
        placed_at=quote.quoted_at,
        updated_at=quote.quoted_at,
        expires_at=quote.quoted_at + timedelta(minutes=quote.expiry_minutes or default_expiry_minutes),
        lines=lines,
        shipping_address=wish.shipping_address,
        external_reference=wish.external_reference,
    )


def _require_sold(lines: Sequence[Wanted], prices: Mapping[str, Price]) -> None:
    faults = []
    for index, wanted in enumerate(lines):
        price = prices.get(wanted.sku)
        if price is None or not price.active:
            faults.append((f"/lines/{index}/sku", "unknown_product", f"There is no product {wanted.sku} for sale."))
    if faults:
        raise FieldRefusedError(faults)


def _line(number: int, wanted: Wanted, price: Price, currency: str) -> OrderLine:
    if price.currency != currency:
        raise CurrencyMismatchError(currency, price.currency)
    return OrderLine(
        line=number,
        sku=price.sku,
        name=price.name,
        quantity=wanted.quantity,
        unit_price_minor=price.unit_price_minor,
        total_minor=price.unit_price_minor * wanted.quantity,
    )
