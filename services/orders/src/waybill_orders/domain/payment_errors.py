"""What can be refused about money and parcels, each with a stable code."""

from waybill_orders.domain.errors import DomainError


class PaymentNotFoundError(DomainError):
    """The order has no such payment."""

    code = "payment_not_found"

    def __init__(self, payment_id: str) -> None:
        super().__init__(f"This order has no payment {payment_id}.")


class RefundNotFoundError(DomainError):
    """The order has no such refund."""

    code = "refund_not_found"

    def __init__(self, refund_id: str) -> None:
        super().__init__(f"This order has no refund {refund_id}.")


class FulfillmentNotFoundError(DomainError):
    """The order has no such parcel."""

    code = "fulfillment_not_found"

    def __init__(self, fulfillment_id: str) -> None:
        super().__init__(f"This order has no fulfillment {fulfillment_id}.")


class PaymentInProgressError(DomainError):
    """Another command on the same money waits for the gateway; once it has ended this may be sent again."""

    code = "payment_in_progress"

    def __init__(self, payment_id: str) -> None:
        super().__init__(f"Payment {payment_id} waits for the gateway's answer. Read it, then decide anew.")
        self.payment_id = payment_id


class NothingDueError(DomainError):
    """The order is paid: money held and taken covers what it costs."""

    code = "nothing_due"

    def __init__(self, order_id: str) -> None:
        super().__init__(f"Order {order_id} is covered already; there is nothing to pay.")


class GatewayRefusedError(DomainError):
    """The gateway answered, and the answer is no; nothing moved."""

    code = "gateway_refused"

    def __init__(self, gateway_code: str) -> None:
        super().__init__(f"The payment gateway refused with {gateway_code!r}; nothing was moved.")
        self.gateway_code = gateway_code


class GatewayUnansweredError(Exception):
    """The gateway gave no answer that tells what happened: money may have moved, or may yet. Never shown to clients."""


class WebhookRefusedError(DomainError):
    """A webhook that the gateway did not sign just now."""

    code = "invalid_signature"

    def __init__(self, reason: str) -> None:
        super().__init__(f"This webhook is refused: {reason}.")
