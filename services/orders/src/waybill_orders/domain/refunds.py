"""Money given back: what is left to give, from which payment, and what an order that ended or shrank is owed."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from waybill_orders.domain.errors import AmountRefusedError, QuantityRefusedError
from waybill_orders.domain.money import share
from waybill_orders.domain.order import Order
from waybill_orders.domain.payments import Payment
from waybill_orders.domain.states import Status


class RefundState(StrEnum):
    """How a refund stands."""

    PENDING = "pending"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


@dataclass(frozen=True, kw_only=True, slots=True)
class Refund:
    """Part of a payment on its way back, in minor units; `reference` is its stable key at the gateway."""

    id: str
    order_id: str
    payment_id: str
    status: RefundState
    currency: str
    amount_minor: int
    reason: str
    reference: str
    failure_code: str | None = None
    key: tuple[str, str] | None = None
    actor: str
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True)
class ReturnStep:
    """One thing to do so that nobody keeps what is not theirs: release a hold, or give back `amount_minor`."""

    payment: Payment
    releases: bool
    amount_minor: int


def refund_reference(order_id: str, refund_id: str) -> str:
    """Return the stable key of a refund at the gateway."""
    return f"order:{order_id}:refund:{refund_id}"


def refundable_minor(payment: Payment, refunds: Sequence[Refund]) -> int:
    """Return what was captured and is neither given back nor on its way back."""
    under_way = sum(
        refund.amount_minor
        for refund in refunds
        if refund.payment_id == payment.id and refund.status is RefundState.PENDING
    )
    return payment.captured_minor - payment.refunded_minor - under_way


def choose_payment(
    payments: Sequence[Payment], refunds: Sequence[Refund], amount_minor: int | None, currency: str
) -> tuple[Payment, int]:
    """Return the newest payment that can carry the refund, and its amount: all that is left when None.

    One refund goes to one card. Raises AmountRefusedError with the most that one refund can carry.
    """
    left = [(payment, refundable_minor(payment, refunds)) for payment in payments]
    carriers = [(payment, most) for payment, most in left if most > 0]
    most_minor = max((most for _, most in carriers), default=0)
    wanted_minor = most_minor if amount_minor is None else amount_minor
    for payment, most in sorted(carriers, key=lambda carrier: carrier[0].attempt, reverse=True):
        if 0 < wanted_minor <= most:
            return payment, wanted_minor
    raise AmountRefusedError(wanted_minor, most_minor, currency)


def lines_minor(order: Order, lines: Sequence[tuple[int, int]]) -> int:
    """Return what these (line, units) cost, each line's part rounded half up once; raises QuantityRefusedError.

    A line that is named twice counts with the sum of its units: it never gives back more units than it has.
    """
    wanted: dict[int, int] = {}
    for number, units in lines:
        wanted[number] = wanted.get(number, 0) + units
    amount = 0
    for number, units in wanted.items():
        line = order.line(number)
        if line is None or units > line.quantity:
            raise QuantityRefusedError(number, units, line.quantity if line else 0)
        amount += share(line.total_minor, units, line.quantity)
    return amount


def plan_return(order: Order, payments: Sequence[Payment], refunds: Sequence[Refund]) -> list[ReturnStep]:
    """Return what is to be given back now.

    Of an order that is canceled or expired everything; of a live one what was captured beyond what its units cost,
    and what an attempt that came late still holds. Late payments go back first, then the newest.
    """
    has_ended = order.status in (Status.CANCELED, Status.EXPIRED)
    newest_first = sorted(payments, key=lambda payment: (payment.late, payment.attempt), reverse=True)
    steps = [
        ReturnStep(payment, releases=True, amount_minor=payment.authorized_minor)
        for payment in newest_first
        if payment.authorized_minor > 0 and (has_ended or payment.late)
    ]
    kept = sum(refundable_minor(payment, refunds) for payment in payments)
    excess = kept - (0 if has_ended else order.due_minor)
    for payment in newest_first:
        amount = min(excess, refundable_minor(payment, refunds))
        if amount > 0:
            steps.append(ReturnStep(payment, releases=False, amount_minor=amount))
            excess -= amount
    return steps
