"""The sweeper: end gateway commands whose lease ran out, by asking the gateway first."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

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
C = TypeVar("C", Payment, Refund)


@dataclass(frozen=True)
class Sweeper:
    """What the sweeper works with; `on_failure` hears of a command that could not be ended this time."""

    unit_of_work: MoneyUnitOfWorkFactory
    gateway: PaymentGateway
    answers: MoneyAnswers
    on_failure: Callable[[str, Exception], None]


def settle_payments(sweeper: Sweeper, most: int = 50) -> int:
    """Take over up to `most` commands and as many refunds, one after another, and return how many there were.

    A charge that the gateway does not know is sent again under its key while somebody waits for it, three times in
    all; then the attempt is given up. Should its money come after all, the webhook finds it (`payment.late`). One
    command that cannot be ended does not keep the others waiting: its lease brings it back.
    """
    return _each(sweeper, _claim_payment, _settle_payment, most) + _each(sweeper, _claim_refund, _settle_refund, most)


def _each(
    sweeper: Sweeper, claim: Callable[[Sweeper], C | None], settle: Callable[[Sweeper, C], None], most: int
) -> int:
    taken = 0
    while taken < most and (claimed := claim(sweeper)) is not None:
        taken += 1
        try:
            settle(sweeper, claimed)
        except Exception as error:  # noqa: BLE001 - told, and tried again when its lease runs out
            sweeper.on_failure(claimed.id, error)
    return taken


def _claim_payment(sweeper: Sweeper) -> Payment | None:
    with sweeper.unit_of_work() as work:
        return work.payments.claim_due(LEASE_SECONDS)


def _settle_payment(sweeper: Sweeper, payment: Payment) -> None:
    outcome = _outcome(sweeper, payment)
    with sweeper.unit_of_work() as work:
        settle_command(work, payment, outcome, sweeper.answers, ACTOR)


def _outcome(sweeper: Sweeper, payment: Payment) -> Outcome:
    if payment.operation is not Operation.CHARGE:
        return send_command(sweeper.gateway, payment)
    known = ask_for_charge(sweeper.gateway, payment)
    if known is not None:
        return known
    if payment.tries >= MOST_TRIES:
        return GivenUp("gateway_timeout")
    with sweeper.unit_of_work() as work:
        is_wanted = work.orders.lock(payment.order_id).status in HOLDS_STOCK
    return send_command(sweeper.gateway, payment) if is_wanted else GivenUp("order_ended")


def _claim_refund(sweeper: Sweeper) -> Refund | None:
    with sweeper.unit_of_work() as work:
        return work.refunds.claim_due(LEASE_SECONDS)


def _settle_refund(sweeper: Sweeper, refund: Refund) -> None:
    with sweeper.unit_of_work() as work:
        payment = work.payments.get(refund.order_id, refund.payment_id)
    outcome = send_refund(sweeper.gateway, refund, payment.gateway_charge_id or "")
    with sweeper.unit_of_work() as work:
        settle_refund(work, refund, outcome, sweeper.answers, ACTOR)
