"""Capture what a payment holds, whole or in parts."""

from dataclasses import dataclass

from waybill_common.idempotency import Answer, KeyRequest

from waybill_orders.domain.errors import AmountRefusedError, InvalidTransitionError
from waybill_orders.domain.money import Money
from waybill_orders.domain.order import Order
from waybill_orders.domain.payment_errors import PaymentInProgressError
from waybill_orders.domain.payments import Operation, Payment, PaymentState
from waybill_orders.domain.states import Status, allowed_from
from waybill_orders.use_cases.gateway_calls import send_command
from waybill_orders.use_cases.money_ports import MoneyAnswers, MoneyUnitOfWorkFactory, PaymentGateway
from waybill_orders.use_cases.settlement import LEASE_SECONDS, settle_command


@dataclass(frozen=True, kw_only=True)
class CapturePayment:
    """Capture `amount` of the payment, all that it holds when None."""

    order_id: str
    payment_id: str
    amount: Money | None
    actor: str
    key: KeyRequest


def capture_payment(
    command: CapturePayment, unit_of_work: MoneyUnitOfWorkFactory, gateway: PaymentGateway, answers: MoneyAnswers
) -> Answer:
    """Return 200 with the payment, 202 while the gateway's answer is not known, 402 when it refused.

    A payment that is captured whole already is answered as it is. Raises OrderNotFoundError, PaymentNotFoundError,
    InvalidTransitionError, PaymentInProgressError, AmountRefusedError, CurrencyMismatchError and the key's errors.
    """
    with unit_of_work() as work:
        remembered = work.keys.claim(command.key)
        if remembered is not None:
            return remembered
        order = work.orders.lock(command.order_id)
        payment = work.payments.get(order.id, command.payment_id)
        amount_minor = _amount(order, payment, command.amount)
        if amount_minor is None:
            answer = answers.changed(order, payment, None)
            work.keys.store(command.key, answer)
            return answer
        claimed = payment.begin(Operation.CAPTURE, amount_minor, (command.key.scope, command.key.key))
        work.payments.save(claimed, lease_seconds=LEASE_SECONDS)
    outcome = send_command(gateway, claimed)
    with unit_of_work() as work:
        settled = settle_command(work, claimed, outcome, answers, command.actor) or work.keys.replay(command.key)
    assert settled is not None  # the claim committed the key, and whoever settled the command answered it
    return settled


def _amount(order: Order, payment: Payment, asked: Money | None) -> int | None:
    """Return the minor units to capture, None when the payment is captured whole and no more was asked for."""
    asked_minor = None if asked is None else asked.require(order.currency)
    if payment.operation is not None:
        raise PaymentInProgressError(payment.id)
    if payment.authorized_minor == 0:
        if payment.status is PaymentState.CAPTURED and asked_minor is None:
            return None
        if payment.status is PaymentState.CAPTURED:
            raise AmountRefusedError(asked_minor or 0, 0, order.currency)
        raise InvalidTransitionError(payment.status, PaymentState.CAPTURED, ())
    if order.status in (Status.CANCELED, Status.EXPIRED):
        reason = f"The order is {order.status}; what this payment holds is being released."
        raise InvalidTransitionError(order.status, PaymentState.CAPTURED, allowed_from(order.status), reason)
    wanted = payment.authorized_minor if asked_minor is None else asked_minor
    if not 0 < wanted <= payment.authorized_minor:
        raise AmountRefusedError(wanted, payment.authorized_minor, order.currency)
    return wanted
