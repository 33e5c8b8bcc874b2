"""What orders takes and gives over HTTP, as the contract shows it."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, AwareDatetime, BaseModel, Field
from waybill_common.problems import Input, Line, Prose

from waybill_orders.domain.money import EXPONENTS, MAX_MINOR, Money
from waybill_orders.domain.order import MAX_LINES
from waybill_orders.domain.states import FulfillmentStatus, PaymentStatus, Status

MAX_NAME = 100  # with 100 lines of such names an event still fits into 64 KiB


def _known_currency(code: str) -> str:
    if code not in EXPONENTS:
        raise ValueError("is no ISO 4217 currency that can be priced in")
    return code


def _one_of(allowed: type[Status] | type[PaymentStatus] | type[FulfillmentStatus]) -> AfterValidator:
    known = [member.value for member in allowed]

    def check(text: str) -> str:
        unknown = [word for word in text.split(",") if word not in known]
        if unknown:
            raise ValueError(f"knows {', '.join(known)}, separated by commas")
        return text

    return AfterValidator(check)


Sku = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$", examples=["TEA-GREEN-100"])]
Currency = Annotated[str, Field(pattern=r"^[A-Z]{3}$", examples=["EUR"]), AfterValidator(_known_currency)]
Quantity = Annotated[int, Field(ge=1, le=1_000_000)]


class MoneyIn(Input):
    """An amount in minor units of its currency (ISO 4217), never negative."""

    amount: Annotated[int, Field(ge=0, le=MAX_MINOR)]
    currency: Currency

    def to_money(self) -> Money:
        """Return the value that the domain counts with."""
        return Money(self.amount, self.currency)


class AddressIn(Input):
    """Where a parcel goes."""

    name: Annotated[Line, Field(min_length=1, max_length=100)]
    company: Annotated[Line, Field(max_length=100)] | None = None
    line1: Annotated[Line, Field(min_length=1, max_length=200)]
    line2: Annotated[Line, Field(max_length=200)] | None = None
    city: Annotated[Line, Field(min_length=1, max_length=100)]
    region: Annotated[Line, Field(max_length=100)] | None = None
    postal_code: Annotated[Line, Field(max_length=20)] | None = None
    country: Annotated[str, Field(pattern=r"^[A-Z]{2}$", description="ISO 3166-1 alpha-2", examples=["DE"])]
    phone: Annotated[Line, Field(max_length=40)] | None = None


class OrderLineIn(Input):
    """Some units of one product."""

    sku: Sku
    quantity: Quantity


class PlaceOrderIn(Input):
    """An order to place; `expected_total` makes a changed price a refusal instead of a surprise."""

    lines: Annotated[list[OrderLineIn], Field(min_length=1, max_length=MAX_LINES)]
    shipping_address: AddressIn
    expected_total: MoneyIn | None = None
    external_reference: Annotated[Line, Field(min_length=1, max_length=100)] | None = None
    note: Annotated[Prose, Field(min_length=1, max_length=2_000)] | None = None


class CancelLineIn(Input):
    """Units of one line of the order."""

    line: Annotated[int, Field(ge=1, le=MAX_LINES)]
    quantity: Quantity


class CancelOrderIn(Input):
    """The whole order, or units of some lines when they are named."""

    reason: Annotated[Line, Field(min_length=1, max_length=500)] | None = None
    lines: Annotated[list[CancelLineIn], Field(min_length=1, max_length=MAX_LINES)] | None = None


class NoteIn(Input):
    """A note; a customer's is always public, staff's is private unless it says otherwise."""

    text: Annotated[Prose, Field(min_length=1, max_length=2_000)]
    public: bool | None = None


class ProductIn(Input):
    """A product as it shall be."""

    name: Annotated[Line, Field(min_length=1, max_length=MAX_NAME)]
    unit_price: MoneyIn
    active: bool


class StockIn(Input):
    """Units to add to what is on hand, or with a minus to take away, and why."""

    delta: Annotated[int, Field(ge=-1_000_000_000, le=1_000_000_000)]
    reason: Annotated[Line, Field(min_length=1, max_length=200)]

    @property
    def is_nothing(self) -> bool:
        """A movement of no unit is none."""
        return self.delta == 0


Limit = Annotated[int, Field(ge=1, le=100)]
Cursor = Annotated[str, Field(min_length=1, max_length=1_000)]


class PageQuery(Input):
    """Which part of a list."""

    limit: Limit = 20
    cursor: Cursor | None = None


class TimelineQuery(Input):
    """Which part of a timeline; most orders fit into one page."""

    limit: Limit = 100
    cursor: Cursor | None = None


class OrderListQuery(PageQuery):
    """Which orders, newest first unless said otherwise; statuses may be several, separated by commas."""

    sort: Literal["-created_at", "created_at"] = "-created_at"
    status: Annotated[str, _one_of(Status)] | None = None
    payment_status: Annotated[str, _one_of(PaymentStatus)] | None = None
    fulfillment_status: Annotated[str, _one_of(FulfillmentStatus)] | None = None
    customer_id: Annotated[Line, Field(max_length=100)] | None = None
    channel: Annotated[Line, Field(max_length=50)] | None = None
    number: Annotated[Line, Field(max_length=50)] | None = None
    external_reference: Annotated[Line, Field(max_length=100)] | None = None
    created_from: AwareDatetime | None = None
    created_to: AwareDatetime | None = None


class MoneyOut(BaseModel):
    """An amount in minor units of its currency."""

    amount: int
    currency: str


class OrderLineOut(BaseModel):
    """One line of an order."""

    line: int
    sku: str
    name: str
    quantity: int
    quantity_canceled: int
    quantity_shipped: int
    quantity_returned: int
    unit_price: MoneyOut
    discount: MoneyOut
    tax: MoneyOut
    total: MoneyOut


class FulfillmentLineOut(BaseModel):
    """Units of one line in a parcel."""

    line: int
    quantity: int


class FulfillmentOut(BaseModel):
    """A parcel."""

    id: str
    status: str
    carrier: str | None
    tracking_number: str | None
    lines: list[FulfillmentLineOut]
    shipped_at: datetime
    delivered_at: datetime | None


class OrderOut(BaseModel):
    """An order at one version."""

    id: str
    number: str
    channel: str
    customer_id: str
    status: Status
    payment_status: PaymentStatus
    fulfillment_status: FulfillmentStatus
    currency: str
    subtotal: MoneyOut
    discount: MoneyOut
    shipping: MoneyOut
    tax: MoneyOut
    total: MoneyOut
    captured: MoneyOut
    refunded: MoneyOut
    lines: list[OrderLineOut]
    fulfillments: list[FulfillmentOut]
    shipping_address: dict[str, str]
    external_reference: str | None
    expires_at: datetime | None
    placed_at: datetime
    updated_at: datetime
    version: int


class OrderPageOut(BaseModel):
    """A page of orders."""

    data: list[OrderOut]
    next_cursor: str | None
    has_more: bool


class NoteOut(BaseModel):
    """A note."""

    id: str
    author: str
    text: str
    public: bool
    created_at: datetime


class NotePageOut(BaseModel):
    """A page of notes."""

    data: list[NoteOut]
    next_cursor: str | None
    has_more: bool


class TimelineEntryOut(BaseModel):
    """One event of an order."""

    sequence: int
    type: str
    occurred_at: datetime
    actor: str | None
    data: dict[str, object]


class TimelinePageOut(BaseModel):
    """A page of a timeline."""

    data: list[TimelineEntryOut]
    next_cursor: str | None
    has_more: bool


class ProductOut(BaseModel):
    """A product and how many units of it can be ordered now."""

    sku: str
    name: str
    unit_price: MoneyOut
    available: int
    active: bool


class ProductPageOut(BaseModel):
    """A page of products."""

    data: list[ProductOut]
    next_cursor: str | None
    has_more: bool


class StockOut(BaseModel):
    """Units of a product."""

    sku: str
    on_hand: int
    reserved: int
    available: int
