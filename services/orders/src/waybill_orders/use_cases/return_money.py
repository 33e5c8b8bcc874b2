"""Give back what an order that ended, shrank or was paid twice still has: holds are voided, captures refunded."""

from enum import StrEnum

from waybill_orders.domain.payments import Operation, Payment
from waybill_orders.domain.refunds import Refund, plan_return
from waybill_orders.domain.states import Status
from waybill_orders.use_cases.gateway_calls import Refused, Unanswered, send_command, send_refund
from waybill_orders.use_cases.money_ports import (
    MoneyAnswers,
    MoneyUnitOfWork,
    MoneyUnitOfWorkFactory,
    PaymentGateway,
)
from waybill_orders.use_cases.refunding import NewRefund, claim_refund, settle_refund
from waybill_orders.use_cases.settlement import LEASE_SECONDS, settle_command

ACTOR = "system:returns"
_REASONS = {Status.CANCELED: "order_canceled", Status.EXPIRED: "order_expired"}


class Progress(StrEnum):
    """How far the return of an order's money got."""

    DONE = "done"
    WAITING = "waiting"
    REFUSED = "refused"


def return_money(
    order_id: str, unit_of_work: MoneyUnitOfWorkFactory, gateway: PaymentGateway, answers: MoneyAnswers
) -> Progress:
    """Void and refund step by step, each claimed before the gateway is called, until nothing is left to return.

    Run again it goes on where it stopped: what is under way counts as returned. WAITING while a command is in flight
    (the sweeper ends it), REFUSED when the gateway said no. Raises OrderNotFoundError.
    """
    while True:
        with unit_of_work() as work:
            claimed = _claim_next(work, order_id)
        if isinstance(claimed, Progress):
            return claimed
        outcome = _perform(claimed, unit_of_work, gateway, answers)
        if isinstance(outcome, Unanswered):
            return Progress.WAITING
        if isinstance(outcome, Refused):
            return Progress.REFUSED


def _claim_next(work: MoneyUnitOfWork, order_id: str) -> Payment | tuple[Refund, str] | Progress:
    order = work.orders.lock(order_id)
    payments, refunds = work.payments.of_order(order_id), work.refunds.of_order(order_id)
    if any(payment.operation in (Operation.CAPTURE, Operation.VOID) for payment in payments):
        return Progress.WAITING
    steps = plan_return(order, payments, refunds)
    if not steps:
        return Progress.DONE
    step = steps[0]
    if step.releases:
        if step.payment.operation is not None:
            return Progress.WAITING
        claimed = step.payment.begin(Operation.VOID, step.amount_minor, None)
        work.payments.save(claimed, lease_seconds=LEASE_SECONDS)
        return claimed
    reason = _REASONS.get(order.status, "paid_late" if step.payment.late else "order_reduced")
    new = NewRefund(step.payment, step.amount_minor, reason, ACTOR)
    return claim_refund(work, order, new), step.payment.gateway_charge_id or ""


def _perform(
    claimed: Payment | tuple[Refund, str],
    unit_of_work: MoneyUnitOfWorkFactory,
    gateway: PaymentGateway,
    answers: MoneyAnswers,
) -> object:
    if isinstance(claimed, Payment):
        sent = send_command(gateway, claimed)
        with unit_of_work() as work:
            settle_command(work, claimed, sent, answers, ACTOR)
        return sent
    refund, charge_id = claimed
    outcome = send_refund(gateway, refund, charge_id)
    with unit_of_work() as work:
        settle_refund(work, refund, outcome, answers, ACTOR)
    return outcome
