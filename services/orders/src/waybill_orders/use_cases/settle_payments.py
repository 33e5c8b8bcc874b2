"""The sweeper: end gateway commands whose lease ran out, by asking the gateway first."""

from waybill_orders.domain.payments import Operation, Payment
from waybill_orders.domain.refunds import Refund
from waybill_orders.domain.states import HOLDS_STOCK
from waybill_orders.use_cases.gateway_calls import (
    GivenUp,
    Outcome,
    ask_for_charge,
    send_command,
    send_refund,
)
from waybill_orders.use_cases.money_ports import MoneyAnswers, MoneyUnitOfWorkFactory, PaymentGateway
from waybill_orders.use_cases.refunding import settle_refund
from waybill_orders.use_cases.settlement import LEASE_SECONDS, settle_command

ACTOR = "system:settlement"
MOST_TRIES = 3


def settle_payments(
    unit_of_work: MoneyUnitOfWorkFactory, gateway: PaymentGateway, answers: MoneyAnswers, most: int = 50
) -> int:
    """Take over up to `most` commands and as many refunds, one after another, and return how many there were.

    A charge that the gateway does not know is sent again under its key while somebody waits for it, three times in
    all; then the attempt is given up. Should its money come after all, the webhook finds it (`payment.late`).
    """
    taken = 0
    while taken < most and _settle_next_payment(unit_of_work, gateway, answers):
        taken += 1
    while taken < 2 * most and _settle_next_refund(unit_of_work, gateway, answers):
        taken += 1
    return taken


def _settle_next_payment(unit_of_work: MoneyUnitOfWorkFactory, gateway: PaymentGateway, answers: MoneyAnswers) -> bool:
    with unit_of_work() as work:
        payment = work.payments.claim_due(LEASE_SECONDS)
    if payment is None:
        return False
    outcome = _outcome(payment, unit_of_work, gateway)
    with unit_of_work() as work:
        settle_command(work, payment, outcome, answers, ACTOR)
    return True


def _outcome(payment: Payment, unit_of_work: MoneyUnitOfWorkFactory, gateway: PaymentGateway) -> Outcome:
    if payment.operation is not Operation.CHARGE:
        return send_command(gateway, payment)
    known = ask_for_charge(gateway, payment)
    if known is not None:
        return known
    if payment.tries >= MOST_TRIES:
        return GivenUp("gateway_timeout")
    with unit_of_work() as work:
        is_wanted = work.orders.lock(payment.order_id).status in HOLDS_STOCK
    return send_command(gateway, payment) if is_wanted else GivenUp("order_ended")


def _settle_next_refund(unit_of_work: MoneyUnitOfWorkFactory, gateway: PaymentGateway, answers: MoneyAnswers) -> bool:
    with unit_of_work() as work:
        refund: Refund | None = work.refunds.claim_due(LEASE_SECONDS)
        if refund is None:
            return False
        payment = work.payments.get(refund.order_id, refund.payment_id)
    outcome = send_refund(gateway, refund, payment.gateway_charge_id or "")
    with unit_of_work() as work:
        settle_refund(work, refund, outcome, answers, ACTOR)
    return True
