"""Which event becomes which mail, and how each kind of mail is retried and how long it is worth sending."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

CHANNEL_EMAIL = "email"


class Category(StrEnum):
    """What a mail is about; both are mandatory, so neither can be unsubscribed from (messaging.md §12 row 6)."""

    SECURITY = "security"
    ORDERS = "orders"


class Retry(StrEnum):
    """The retry schedule of a kind (messaging.md §11.5); the seconds are settings."""

    SHORT_LIVED = "short_lived"
    PATIENT = "patient"


class WhenUncertain(StrEnum):
    """What to do after the wait when the server may have taken a mail (messaging.md §11.3)."""

    RETRY_ONCE = "retry"
    HOLD = "hold"


class RecipientSource(StrEnum):
    """Where the address is asked for when the mail is rendered."""

    CONTACT = "contact"
    MAIL_REQUEST = "mail_request"


@dataclass(frozen=True)
class MailKind:
    """One kind of mail: template name and version, and how it is treated."""

    template: str
    category: Category
    retry: Retry
    source: RecipientSource
    version: int = 1
    when_uncertain: WhenUncertain = WhenUncertain.RETRY_ONCE


def _security(template: str, retry: Retry = Retry.PATIENT) -> MailKind:
    return MailKind(template, Category.SECURITY, retry, RecipientSource.MAIL_REQUEST)


def _order(template: str) -> MailKind:
    return MailKind(template, Category.ORDERS, Retry.PATIENT, RecipientSource.CONTACT)


BY_PURPOSE: Mapping[str, MailKind] = {
    "verify": _security("verify"),
    "already_registered": _security("already_registered"),
    "reset": _security("reset", Retry.SHORT_LIVED),
    "password_changed": _security("password_changed"),
}
"""Purpose of `auth.mail.requested` → mail."""

BY_EVENT: Mapping[str, MailKind] = {
    "orders.order.placed": _order("order_placed"),
    "orders.payment.captured": _order("payment_received"),
    "orders.payment.failed": _order("payment_failed"),
    "orders.fulfillment.shipped": _order("order_shipped"),
    "orders.fulfillment.delivered": _order("order_delivered"),
    "orders.order.canceled": _order("order_canceled"),
    "orders.order.expired": _order("order_expired"),
    "orders.refund.succeeded": _order("order_refunded"),
}
"""Event type of orders → mail; no other event makes one."""

KINDS: Mapping[str, MailKind] = {kind.template: kind for kind in (*BY_PURPOSE.values(), *BY_EVENT.values())}
"""Template name → kind."""


def lane_of(recipient: str, subject: str) -> str:
    """The job lane of mails that must keep their order: one recipient, one subject (messaging.md §7)."""
    return f"email:{recipient}:{subject}"
