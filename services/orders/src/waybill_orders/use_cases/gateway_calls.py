"""Asking the gateway, outside of any transaction, and what may come of it."""

from dataclasses import dataclass

from waybill_orders.domain.payment_errors import GatewayRefusedError, GatewayUnansweredError
from waybill_orders.domain.payments import ChargeFacts, Operation, Payment
from waybill_orders.domain.refunds import Refund
from waybill_orders.use_cases.money_ports import PaymentGateway


@dataclass(frozen=True)
class Told:
    """The gateway told what there is now."""

    facts: ChargeFacts


@dataclass(frozen=True)
class Returned:
    """The gateway gave the money back."""


@dataclass(frozen=True)
class Refused:
    """The gateway said no, and nothing moved."""

    code: str


@dataclass(frozen=True)
class Unanswered:
    """It is not known what happened; the same command under the same key will tell.

    `was_sent` is False when only a question got no answer: that is no try.
    """

    was_sent: bool = True


@dataclass(frozen=True)
class GivenUp:
    """The gateway knows of no charge, and none shall be tried again."""

    code: str


Outcome = Told | Refused | Unanswered | GivenUp


def send_command(gateway: PaymentGateway, payment: Payment) -> Told | Refused | Unanswered:
    """Send the payment's command in flight under its stable key; sent again it does nothing more."""
    commands = {Operation.CHARGE: gateway.charge, Operation.CAPTURE: gateway.capture, Operation.VOID: gateway.void}
    if payment.operation is None:
        raise ValueError(f"payment {payment.id} has no command in flight")
    try:
        return _told(payment, commands[payment.operation](payment))
    except GatewayUnansweredError:
        return Unanswered()
    except GatewayRefusedError as error:
        return Refused(error.gateway_code)


def send_refund(gateway: PaymentGateway, refund: Refund, charge_id: str) -> Returned | Refused | Unanswered:
    """Send a refund under its stable key; sent again it does nothing more."""
    try:
        gateway.refund(refund, charge_id)
    except GatewayUnansweredError:
        return Unanswered()
    except GatewayRefusedError as error:
        return Refused(error.gateway_code)
    return Returned()


def ask_for_charge(gateway: PaymentGateway, payment: Payment) -> Told | Unanswered | None:
    """Return what became of a charge, None when the gateway never heard of it."""
    try:
        facts = gateway.find(payment.reference)
    except (GatewayUnansweredError, GatewayRefusedError):
        return Unanswered(was_sent=False)
    return None if facts is None else _told(payment, facts)


def _told(payment: Payment, facts: ChargeFacts) -> Told | Unanswered:
    """Take facts that cannot be about this payment for no answer: they must move no money and block nobody."""
    return Told(facts) if facts.fits(payment) else Unanswered()
