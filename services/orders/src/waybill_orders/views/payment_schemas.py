"""What orders takes and gives about money and parcels, as the contract shows it."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, Field
from waybill_common.problems import Input, Line

from waybill_orders.domain.order import MAX_LINES
from waybill_orders.domain.payments import PaymentState
from waybill_orders.domain.refunds import RefundState
from waybill_orders.views.schemas import FulfillmentOut, MoneyIn, MoneyOut, Quantity

LineNumber = Annotated[int, Field(ge=1, le=MAX_LINES)]


class MethodIn(Input):
    """How to pay: a provider, and the token that its own page gave for a card."""

    type: Literal["sandbox"]
    token: Annotated[str, Field(pattern=r"^tok_[A-Za-z0-9_]{1,100}$", examples=["tok_approve"])]


class PaymentIn(Input):
    """Pay all that is outstanding, or an amount of it; `capture` false holds the money and takes it later."""

    method: MethodIn
    amount: MoneyIn | None = None
    capture: bool = True


class CaptureIn(Input):
    """Capture all that the payment holds, or an amount of it."""

    amount: MoneyIn | None = None


class NothingIn(Input):
    """An empty object, or no body at all."""


class UnitsIn(Input):
    """Units of one line of the order."""

    line: LineNumber
    quantity: Quantity


class RefundIn(Input):
    """Give back an amount, else what these units cost, else all that one payment still has."""

    amount: MoneyIn | None = None
    lines: Annotated[list[UnitsIn], Field(min_length=1, max_length=MAX_LINES)] | None = None
    reason: Annotated[Line, Field(min_length=1, max_length=500)]


class FulfillmentIn(Input):
    """These units have left, all that are open when none are named."""

    lines: Annotated[list[UnitsIn], Field(min_length=1, max_length=MAX_LINES)] | None = None
    carrier: Annotated[Line, Field(min_length=1, max_length=100)] | None = None
    tracking_number: Annotated[Line, Field(min_length=1, max_length=100)] | None = None


class MethodOut(BaseModel):
    """How was paid; the token is never shown."""

    type: str


class PaymentOut(BaseModel):
    """One attempt to pay; `authorized` is what is held now, `code` why it was declined or failed."""

    id: str
    order_id: str
    attempt: int
    status: PaymentState
    method: MethodOut
    capture: bool
    amount: MoneyOut
    authorized: MoneyOut
    captured: MoneyOut
    refunded: MoneyOut
    code: str | None
    created_at: datetime
    updated_at: datetime


class PaymentPageOut(BaseModel):
    """All payments of an order."""

    data: list[PaymentOut]
    next_cursor: str | None
    has_more: bool


class RefundOut(BaseModel):
    """Money on its way back, or given back; `code` says why it failed."""

    id: str
    order_id: str
    payment_id: str
    status: RefundState
    amount: MoneyOut
    reason: str
    code: str | None
    created_at: datetime
    updated_at: datetime


class RefundPageOut(BaseModel):
    """All refunds of an order."""

    data: list[RefundOut]
    next_cursor: str | None
    has_more: bool


class ParcelOut(FulfillmentOut):
    """A parcel with the order it belongs to."""

    order_id: str


class IntakeOut(BaseModel):
    """What became of a webhook."""

    status: Literal["applied", "duplicate", "parked"]
