"""Pay for an order: claim the attempt, charge at the gateway outside of any transaction, settle."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from waybill_common.idempotency import Answer, KeyRequest
from waybill_common.ids import new_id

from waybill_orders.domain.errors import AmountRefusedError, InvalidTransitionError
from waybill_orders.domain.money import Money
from waybill_orders.domain.order import Order
from waybill_orders.domain.payment_errors import NothingDueError, PaymentInProgressError
from waybill_orders.domain.payments import (
    Operation,
    Payment,
    PaymentState,
    charge_reference,
    outstanding_minor,
)
from waybill_orders.domain.states import HOLDS_STOCK, Status, allowed_from
from waybill_orders.use_cases.gateway_calls import send_command
from waybill_orders.use_cases.money_ports import (
    MoneyAnswers,
    MoneyUnitOfWork,
    MoneyUnitOfWorkFactory,
    PaymentGateway,
)
from waybill_orders.use_cases.settlement import LEASE_SECONDS, settle_command


@dataclass(frozen=True, kw_only=True)
class PayOrder:
    """Pay `amount` of the order, all that is outstanding when None; `capture` takes the money at once."""

    order_id: str
    customer_id: str | None
    method: Mapping[str, str] = field(repr=False)
    amount: Money | None
    capture: bool
    actor: str
    key: KeyRequest


def pay_order(
    command: PayOrder, unit_of_work: MoneyUnitOfWorkFactory, gateway: PaymentGateway, answers: MoneyAnswers
) -> Answer:
    """Return 201 with the payment, 202 while its outcome is not known, 402 when it was declined.

    A crash between the two transactions leaves the claim to the sweeper, which ends it and answers the key. Raises
    OrderNotFoundError, InvalidTransitionError, NothingDueError, PaymentInProgressError, AmountRefusedError,
    CurrencyMismatchError, KeyReusedError, KeyInProgressError.
    """
    with unit_of_work() as work:
        remembered = work.keys.claim(command.key)
        if remembered is not None:
            return remembered
        order = work.orders.lock(command.order_id, customer_id=command.customer_id)
        payment = _claim(work, order, command, gateway.name)
    outcome = send_command(gateway, payment)
    with unit_of_work() as work:
        answer = settle_command(work, payment, outcome, answers, command.actor) or work.keys.replay(command.key)
    assert answer is not None  # the claim committed the key, and whoever settled the command answered it
    return answer


def _claim(work: MoneyUnitOfWork, order: Order, command: PayOrder, gateway_name: str) -> Payment:
    attempt = work.payments.next_attempt(order.id)
    now = work.now()
    amount_minor = _amount(work, order, command.amount)
    payment = Payment(
        id=new_id("pay"),
        order_id=order.id,
        attempt=attempt,
        status=PaymentState.PENDING,
        method=command.method,
        capture=command.capture,
        currency=order.currency,
        amount_minor=amount_minor,
        reference=charge_reference(order.id, attempt),
        gateway=gateway_name,
        actor=command.actor,
        created_at=now,
        updated_at=now,
    ).begin(Operation.CHARGE, amount_minor, (command.key.scope, command.key.key))
    work.payments.add(payment, lease_seconds=LEASE_SECONDS)
    return payment


def _amount(work: MoneyUnitOfWork, order: Order, asked: Money | None) -> int:
    if order.status not in HOLDS_STOCK:
        reason = f"An order that is {order.status} takes no payment."
        raise InvalidTransitionError(order.status, Status.CONFIRMED, allowed_from(order.status), reason)
    payments = work.payments.of_order(order.id)
    outstanding = outstanding_minor(order, payments)
    wanted = outstanding if asked is None else asked.require(order.currency)
    if outstanding <= 0:
        for payment in payments:
            if payment.status is PaymentState.PENDING:
                raise PaymentInProgressError(payment.id)
        raise NothingDueError(order.id)
    if not 0 < wanted <= outstanding:
        raise AmountRefusedError(wanted, outstanding, order.currency)
    return wanted
