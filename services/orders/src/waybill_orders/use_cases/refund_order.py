"""Give money back: an amount, what lines cost, or all that was taken."""

from dataclasses import dataclass

from waybill_common.idempotency import Answer, KeyRequest

from waybill_orders.domain.money import Money
from waybill_orders.domain.order import Order
from waybill_orders.domain.refunds import choose_payment, lines_minor
from waybill_orders.use_cases.gateway_calls import send_refund
from waybill_orders.use_cases.money_ports import (
    MoneyAnswers,
    MoneyUnitOfWorkFactory,
    PaymentGateway,
)
from waybill_orders.use_cases.refunding import NewRefund, claim_refund, settle_refund


@dataclass(frozen=True, kw_only=True)
class RefundOrder:
    """Give back `amount`, else what these (line, units) cost, else all that one payment still has."""

    order_id: str
    amount: Money | None
    lines: tuple[tuple[int, int], ...]
    reason: str
    actor: str
    key: KeyRequest


def refund_order(
    command: RefundOrder, unit_of_work: MoneyUnitOfWorkFactory, gateway: PaymentGateway, answers: MoneyAnswers
) -> Answer:
    """Return 201 with the refund (its status tells whether the gateway took it), 202 while that is not known.

    Never more than was captured: refunds under way count as given. Raises OrderNotFoundError, AmountRefusedError,
    QuantityRefusedError, CurrencyMismatchError and the key's errors.
    """
    with unit_of_work() as work:
        remembered = work.keys.claim(command.key)
        if remembered is not None:
            return remembered
        order = work.orders.lock(command.order_id)
        payments, refunds = work.payments.of_order(order.id), work.refunds.of_order(order.id)
        payment, amount_minor = choose_payment(payments, refunds, _wanted(order, command), order.currency)
        new = NewRefund(payment, amount_minor, command.reason, command.actor, command.key)
        refund = claim_refund(work, order, new)
    outcome = send_refund(gateway, refund, payment.gateway_charge_id or "")
    with unit_of_work() as work:
        answer = settle_refund(work, refund, outcome, answers, command.actor) or work.keys.replay(command.key)
    assert answer is not None  # the claim committed the key, and whoever settled the refund answered it
    return answer


def _wanted(order: Order, command: RefundOrder) -> int | None:
    if command.amount is not None:
        return command.amount.require(order.currency)
    return lines_minor(order, command.lines) if command.lines else None
