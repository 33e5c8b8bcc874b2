"""Release what a payment holds and has not captured."""

from dataclasses import dataclass

from waybill_common.idempotency import Answer, KeyRequest

from waybill_orders.domain.errors import InvalidTransitionError
from waybill_orders.domain.payment_errors import PaymentInProgressError
from waybill_orders.domain.payments import Operation, PaymentState
from waybill_orders.use_cases.gateway_calls import send_command
from waybill_orders.use_cases.money_ports import MoneyAnswers, MoneyUnitOfWorkFactory, PaymentGateway
from waybill_orders.use_cases.settlement import LEASE_SECONDS, settle_command


@dataclass(frozen=True, kw_only=True)
class VoidPayment:
    """Release what this payment holds."""

    order_id: str
    payment_id: str
    actor: str
    key: KeyRequest


def void_payment(
    command: VoidPayment, unit_of_work: MoneyUnitOfWorkFactory, gateway: PaymentGateway, answers: MoneyAnswers
) -> Answer:
    """Return 200 with the payment, 202 while the gateway's answer is not known, 402 when it refused.

    A payment that is voided already is answered as it is. Raises OrderNotFoundError, PaymentNotFoundError,
    InvalidTransitionError, PaymentInProgressError and the key's errors.
    """
    with unit_of_work() as work:
        remembered = work.keys.claim(command.key)
        if remembered is not None:
            return remembered
        order = work.orders.lock(command.order_id)
        payment = work.payments.get(order.id, command.payment_id)
        if payment.operation is not None:
            raise PaymentInProgressError(payment.id)
        if payment.status is PaymentState.VOIDED:
            answer = answers.changed(order, payment, None)
            work.keys.store(command.key, answer)
            return answer
        if payment.authorized_minor == 0:
            raise InvalidTransitionError(payment.status, PaymentState.VOIDED, (), "This payment holds nothing to void.")
        claimed = payment.begin(Operation.VOID, payment.authorized_minor, (command.key.scope, command.key.key))
        work.payments.save(claimed, lease_seconds=LEASE_SECONDS)
    outcome = send_command(gateway, claimed)
    with unit_of_work() as work:
        settled = settle_command(work, claimed, outcome, answers, command.actor) or work.keys.replay(command.key)
    assert settled is not None  # the claim committed the key, and whoever settled the command answered it
    return settled
