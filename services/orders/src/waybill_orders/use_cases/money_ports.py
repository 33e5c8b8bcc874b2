"""What the use cases of money and parcels ask of the world, beside `ports.py`."""

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from waybill_common.idempotency import Answer, KeyRequest

from waybill_orders.domain.order import Fulfillment, Order
from waybill_orders.domain.payments import ChargeFacts, GatewayEvent, Movement, Payment
from waybill_orders.domain.refunds import Refund
from waybill_orders.use_cases.ports import Keys, UnitOfWork


class PaymentGateway(Protocol):
    """Who moves the money. Every command is keyed: sent again it does nothing more and answers the same.

    All raise GatewayUnansweredError when it stays unknown what happened, GatewayRefusedError when nothing did.
    """

    @property
    def name(self) -> str:
        """The provider's name, as payments and webhooks carry it."""

    def charge(self, payment: Payment) -> ChargeFacts:
        """Charge or authorize the payment's amount under its reference."""

    def find(self, reference: str) -> ChargeFacts | None:
        """Return what became of a charge, None when the gateway never heard of it."""

    def capture(self, payment: Payment) -> ChargeFacts:
        """Capture the amount of the command in flight."""

    def void(self, payment: Payment) -> ChargeFacts:
        """Release what is held."""

    def refund(self, refund: Refund, charge_id: str) -> None:
        """Give the refund's amount back."""


class WebhookReader(Protocol):
    """Verifies and reads a gateway's webhooks."""

    def read(self, headers: Mapping[str, str], raw: bytes) -> GatewayEvent:
        """Return the event; raises WebhookRefusedError for one that is forged, old or unreadable."""


class Payments(Protocol):
    """Attempts and their ledger, under the lock of their order."""

    def next_attempt(self, order_id: str) -> int:
        """Return the number of the order's next attempt."""

    def add(self, payment: Payment, *, lease_seconds: float) -> None:
        """Keep a new attempt with its command in flight, and let expiry wait for it for a bounded time."""

    def get(self, order_id: str, payment_id: str) -> Payment:
        """Return one payment of the order; raises PaymentNotFoundError."""

    def of_order(self, order_id: str) -> list[Payment]:
        """Return the order's payments, oldest first."""

    def find(self, gateway: str, reference: str) -> Payment | None:
        """Return the payment under a charge's reference, not locked; None when it is not ours."""

    def save(self, payment: Payment, *, lease_seconds: float | None = None) -> None:
        """Write what changed; a command in flight is left alone for `lease_seconds`."""

    def record(self, payment: Payment, moved: Sequence[Movement]) -> None:
        """Append to the ledger what moved."""

    def claim_due(self, lease_seconds: float) -> Payment | None:
        """Take over one command whose lease ran out, or None."""


class Refunds(Protocol):
    """Refunds, under the lock of their order."""

    def add(self, refund: Refund, *, lease_seconds: float) -> None:
        """Keep a new, pending refund."""

    def get(self, order_id: str, refund_id: str) -> Refund:
        """Return one refund of the order; raises RefundNotFoundError."""

    def of_order(self, order_id: str) -> list[Refund]:
        """Return the order's refunds, oldest first."""

    def save(self, refund: Refund, *, lease_seconds: float | None = None) -> None:
        """Write what changed; a pending refund is left alone for `lease_seconds`."""

    def claim_due(self, lease_seconds: float) -> Refund | None:
        """Take over one pending refund whose lease ran out, or None."""


class Fulfillments(Protocol):
    """Parcels."""

    def add(self, order_id: str, fulfillment: Fulfillment, *, actor: str) -> None:
        """Keep a parcel that left."""

    def deliver(self, fulfillment: Fulfillment) -> None:
        """Write that the parcel arrived."""


class GatewayEvents(Protocol):
    """Webhooks that were taken."""

    def add(self, event: GatewayEvent, *, parked: bool) -> bool:
        """Keep the event; False when it was kept before."""


class Replays(Keys, Protocol):
    """Idempotency keys whose answers may also be read again."""

    def replay(self, request: KeyRequest) -> Answer | None:
        """Return the remembered answer, None for an unknown key; raises as `claim` does."""


class MoneyUnitOfWork(UnitOfWork, Protocol):
    """One transaction over money and parcels as well."""

    @property
    def keys(self) -> Replays:
        """Idempotency keys of this transaction."""

    @property
    def payments(self) -> Payments:
        """Payments of this transaction."""

    @property
    def refunds(self) -> Refunds:
        """Refunds of this transaction."""

    @property
    def fulfillments(self) -> Fulfillments:
        """Parcels of this transaction."""

    @property
    def gateway_events(self) -> GatewayEvents:
        """Webhooks of this transaction."""


MoneyUnitOfWorkFactory = Callable[[], MoneyUnitOfWork]


class MoneyAnswers(Protocol):
    """How the caller's floor writes the answers of keyed commands, which are stored before they are sent."""

    def charged(self, order: Order, payment: Payment) -> Answer:
        """201 with the payment, 202 while it is pending, 402 when it was declined or given up."""

    def changed(self, order: Order, payment: Payment, refusal: str | None) -> Answer:
        """200 with the payment, 202 while the command is in flight, 402 with the gateway's code when it refused."""

    def refunded(self, order: Order, refund: Refund) -> Answer:
        """201 with the refund, 202 while it is pending."""


RenderFulfillment = Callable[[Order, Fulfillment], Answer]


class MoneyQueries(Protocol):
    """Payments and refunds as they are; `customer_id` hides every other customer's order, None shows all."""

    def payment(self, order_id: str, payment_id: str, *, customer_id: str | None) -> Payment:
        """Return a payment; raises OrderNotFoundError, PaymentNotFoundError."""

    def payments(self, order_id: str, *, customer_id: str | None) -> Sequence[Payment]:
        """Return the order's payments, oldest first; raises OrderNotFoundError."""

    def refund(self, order_id: str, refund_id: str, *, customer_id: str | None) -> tuple[Refund, int]:
        """Return a refund and its order's version; raises OrderNotFoundError, RefundNotFoundError."""

    def refunds(self, order_id: str, *, customer_id: str | None) -> Sequence[Refund]:
        """Return the order's refunds, oldest first; raises OrderNotFoundError."""
