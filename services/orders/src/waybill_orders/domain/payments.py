"""Payments as attempts at the gateway, and what a fact about a charge changes: facts only grow, whatever their order.

A payment is one charge. What the gateway tells (in an answer, to a question, by webhook) is merged by `learn`: the sums
captured and released become the larger of what was known and what is told, so a fact told twice changes nothing.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

from waybill_orders.domain.order import Order
from waybill_orders.domain.states import Status


class PaymentState(StrEnum):
    """How an attempt stands."""

    PENDING = "pending"
    AUTHORIZED = "authorized"
    CAPTURED = "captured"
    DECLINED = "declined"
    FAILED = "failed"
    VOIDED = "voided"


class Operation(StrEnum):
    """A command at the gateway."""

    CHARGE = "charge"
    CAPTURE = "capture"
    VOID = "void"


@dataclass(frozen=True, kw_only=True, slots=True)
class Payment:
    """One attempt; amounts in minor units. `authorized_minor` is what is held now.

    `operation` is the command in flight, with its number and amount, how often it was sent in vain (`tries`), and the
    (scope, key) of the idempotency key that still waits for its answer. `late`: it came when nothing was due any more.
    """

    id: str
    order_id: str
    attempt: int
    status: PaymentState
    method: Mapping[str, str] = field(repr=False)
    capture: bool
    currency: str
    amount_minor: int
    authorized_minor: int = 0
    captured_minor: int = 0
    refunded_minor: int = 0
    late: bool = False
    reference: str
    gateway: str
    gateway_charge_id: str | None = None
    failure_code: str | None = None
    operation: Operation | None = None
    operation_minor: int | None = None
    operation_number: int = 0
    tries: int = 0
    key: tuple[str, str] | None = None
    actor: str
    created_at: datetime
    updated_at: datetime

    @property
    def released_minor(self) -> int:
        """What was approved and given back without being captured."""
        if self.status in (PaymentState.AUTHORIZED, PaymentState.CAPTURED, PaymentState.VOIDED):
            return self.amount_minor - self.authorized_minor - self.captured_minor
        return 0

    @property
    def gateway_key(self) -> str:
        """The key under which the command in flight is sent, the same in every try."""
        if self.operation is None:
            raise ValueError(f"payment {self.id} has no command in flight")
        if self.operation is Operation.CHARGE:
            return self.reference
        return f"order:{self.order_id}:{self.operation}:{self.attempt}.{self.operation_number}"

    def begin(self, operation: Operation, amount_minor: int, key: tuple[str, str] | None) -> "Payment":
        """Return the payment with a command in flight; it is written before the gateway hears of it."""
        return replace(
            self,
            operation=operation,
            operation_minor=amount_minor,
            operation_number=self.operation_number + 1,
            tries=0,
            key=key,
        )

    def rest(self) -> "Payment":
        """Return the payment with no command in flight and no key that waits."""
        return replace(self, operation=None, operation_minor=None, key=None)


@dataclass(frozen=True)
class ChargeFacts:
    """What the gateway says about a charge; sums in minor units."""

    charge_id: str
    reference: str
    status: str
    captured_minor: int = 0
    released_minor: int = 0
    code: str | None = None

    def fits(self, payment: "Payment") -> bool:
        """Tell whether these facts can be about this payment: a charge of ours never tells of more than was asked."""
        sums = (self.captured_minor, self.released_minor)
        return (
            self.reference == payment.reference
            and payment.gateway_charge_id in (None, self.charge_id)
            and all(minor >= 0 for minor in sums)
            and sum(sums) <= payment.amount_minor
        )


@dataclass(frozen=True)
class GatewayEvent:
    """A webhook whose signature was verified; `facts` is None when it is about something that no charge is."""

    provider: str
    event_id: str
    facts: ChargeFacts | None
    payload: Mapping[str, object]


@dataclass(frozen=True)
class Movement:
    """What a fact changed: `authorized`, `captured`, `voided`, `declined` or `failed`, and how much, in minor units."""

    kind: str
    amount_minor: int

    @property
    def is_landing(self) -> bool:
        """Money came: held or taken."""
        return self.kind in ("authorized", "captured")


def charge_reference(order_id: str, attempt: int) -> str:
    """Return the stable name and key of an attempt at the gateway."""
    return f"order:{order_id}:charge:{attempt}"


def learn(payment: Payment, facts: ChargeFacts) -> tuple[Payment, tuple[Movement, ...]]:
    """Return the payment that knows these facts, and what they moved: nothing when all was known.

    Raises ValueError for facts that do not fit.
    """
    if not facts.fits(payment):
        raise ValueError(f"{facts} cannot be about payment {payment.id}")
    known = replace(payment, gateway_charge_id=payment.gateway_charge_id or facts.charge_id)
    if facts.status == "declined" and payment.status is PaymentState.PENDING:
        return fail(known, PaymentState.DECLINED, facts.code or "declined")
    if facts.status not in ("authorized", "captured", "voided"):
        return known, ()
    captured = max(payment.captured_minor, facts.captured_minor)
    released = max(payment.released_minor, facts.released_minor)
    held = max(0, payment.amount_minor - captured - released)
    moved = []
    if payment.status in _NOT_APPROVED and (held > 0 or not payment.capture):
        moved.append(Movement("authorized", payment.amount_minor))
    if captured > payment.captured_minor:
        moved.append(Movement("captured", captured - payment.captured_minor))
    if released > payment.released_minor:
        moved.append(Movement("voided", released - payment.released_minor))
    status = PaymentState.CAPTURED if captured else PaymentState.AUTHORIZED if held else PaymentState.VOIDED
    told = replace(known, status=status, authorized_minor=held, captured_minor=captured, failure_code=None)
    return told, tuple(moved)


def fail(payment: Payment, status: PaymentState, code: str) -> tuple[Payment, tuple[Movement, ...]]:
    """Return a pending attempt as ended without money: declined by the gateway, or given up."""
    if payment.status is not PaymentState.PENDING:
        return payment, ()
    ended = replace(payment, status=status, failure_code=code)
    return ended, (Movement(status.value, payment.amount_minor),)


def with_money(order: Order, before: Payment, after: Payment) -> Order:
    """Return the order with the sums that this payment's change makes."""
    return replace(
        order,
        authorized_minor=order.authorized_minor + after.authorized_minor - before.authorized_minor,
        captured_minor=order.captured_minor + after.captured_minor - before.captured_minor,
        voided=order.voided or after.released_minor > before.released_minor,
    )


def lands_late(order: Order, before: Payment, moved: Iterable[Movement]) -> bool:
    """Tell whether money came that nobody waits for: the order has ended, or is covered without this attempt."""
    if not any(movement.is_landing for movement in moved):
        return False
    if order.status in (Status.CANCELED, Status.EXPIRED):
        return True
    return before.status in (PaymentState.FAILED, PaymentState.DECLINED) and order.is_covered


def outstanding_minor(order: Order, payments: Iterable[Payment]) -> int:
    """Return what may still be charged: what is due and neither held, taken, nor being asked for right now."""
    asked = sum(payment.amount_minor for payment in payments if payment.status is PaymentState.PENDING)
    return order.due_minor - order.authorized_minor - order.captured_minor - asked


_NOT_APPROVED = (PaymentState.PENDING, PaymentState.DECLINED, PaymentState.FAILED)
