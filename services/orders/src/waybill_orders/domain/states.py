"""The three axes of an order: which status may follow which, and how the two derived ones are computed."""

from enum import StrEnum
from typing import NamedTuple

from waybill_orders.domain.errors import InvalidTransitionError


class Status(StrEnum):
    """What was agreed; changed by guarded transitions alone."""

    DRAFT = "draft"
    PENDING = "pending"
    CONFIRMED = "confirmed"
    COMPLETED = "completed"
    CANCELED = "canceled"
    EXPIRED = "expired"


class PaymentStatus(StrEnum):
    """Where the money stands; derived, never set by hand."""

    NONE = "none"
    AUTHORIZED = "authorized"
    PARTIALLY_PAID = "partially_paid"
    PAID = "paid"
    PARTIALLY_REFUNDED = "partially_refunded"
    REFUNDED = "refunded"
    VOIDED = "voided"
    OVERPAID = "overpaid"


class FulfillmentStatus(StrEnum):
    """Where the goods stand; derived, never set by hand."""

    UNFULFILLED = "unfulfilled"
    PARTIAL = "partial"
    FULFILLED = "fulfilled"
    DELIVERED = "delivered"
    RETURNED = "returned"
    PARTIALLY_RETURNED = "partially_returned"


TRANSITIONS: dict[Status, frozenset[Status]] = {
    Status.DRAFT: frozenset({Status.PENDING, Status.CONFIRMED}),
    Status.PENDING: frozenset({Status.CONFIRMED, Status.CANCELED, Status.EXPIRED}),
    Status.CONFIRMED: frozenset({Status.COMPLETED, Status.CANCELED}),
    Status.COMPLETED: frozenset(),
    Status.CANCELED: frozenset(),
    Status.EXPIRED: frozenset(),
}

HOLDS_STOCK = frozenset({Status.PENDING, Status.CONFIRMED})


def allowed_from(current: Status) -> tuple[str, ...]:
    """Return where the machine leads from here, sorted, for the problem's `allowed`."""
    return tuple(sorted(TRANSITIONS[current]))


def require_transition(current: Status, target: Status, reason: str = "") -> None:
    """Raise InvalidTransitionError unless `target` may follow `current`; spotting a repetition is the caller's."""
    if target not in TRANSITIONS[current]:
        raise InvalidTransitionError(current, target, allowed_from(current), reason)


class Balance(NamedTuple):
    """What decides where the money stands, in minor units.

    `due` is the total of the units not cancelled, `total` what was placed, `authorized` what is held and neither
    captured nor voided, `voided` whether any hold was given back.
    """

    due: int
    total: int
    authorized: int
    captured: int
    refunded: int
    voided: bool


def payment_status(balance: Balance) -> PaymentStatus:
    """Derive where the money stands.

    A paid order of which a line is cancelled stays `paid` until money went back; `overpaid` means more than the order
    ever cost.
    """
    if balance.captured == 0:
        if balance.authorized > 0:
            return PaymentStatus.AUTHORIZED
        return PaymentStatus.VOIDED if balance.voided else PaymentStatus.NONE
    if balance.refunded > 0:
        is_all = balance.refunded >= balance.captured
        return PaymentStatus.REFUNDED if is_all else PaymentStatus.PARTIALLY_REFUNDED
    if balance.captured > balance.total:
        return PaymentStatus.OVERPAID
    return PaymentStatus.PAID if balance.captured >= balance.due else PaymentStatus.PARTIALLY_PAID


def fulfillment_status(*, active: int, shipped: int, delivered: int, returned: int) -> FulfillmentStatus:
    """Derive where the goods stand; all figures in units, `active` being those not cancelled."""
    if returned > 0:
        return FulfillmentStatus.RETURNED if returned >= shipped else FulfillmentStatus.PARTIALLY_RETURNED
    if shipped == 0:
        return FulfillmentStatus.UNFULFILLED
    if shipped < active:
        return FulfillmentStatus.PARTIAL
    return FulfillmentStatus.DELIVERED if delivered >= active else FulfillmentStatus.FULFILLED
