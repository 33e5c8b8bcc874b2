"""The two transactions of a refund: the claim that reserves its amount, and the settlement that moves the sums.

Shared by the command and by the return of money.
"""

from dataclasses import dataclass, replace

from waybill_common.idempotency import Answer, KeyRequest
from waybill_common.ids import new_id

from waybill_orders.domain.change import Happening, change
from waybill_orders.domain.order import Order
from waybill_orders.domain.payments import Payment
from waybill_orders.domain.refunds import Refund, RefundState, refund_reference
from waybill_orders.use_cases.gateway_calls import Refused, Returned, Unanswered
from waybill_orders.use_cases.money_ports import MoneyAnswers, MoneyUnitOfWork
from waybill_orders.use_cases.settlement import LEASE_SECONDS

_RETRY_SECONDS = 1.0


@dataclass(frozen=True)
class NewRefund:
    """What to give back of which payment, in minor units, and who waits for the answer."""

    payment: Payment
    amount_minor: int
    reason: str
    actor: str
    key: KeyRequest | None = None


def claim_refund(work: MoneyUnitOfWork, order: Order, new: NewRefund) -> Refund:
    """Write the refund before the gateway hears of it, with its `refund.created`; the order is locked."""
    refund_id = new_id("rfd")
    now = work.now()
    refund = Refund(
        id=refund_id,
        order_id=order.id,
        payment_id=new.payment.id,
        status=RefundState.PENDING,
        currency=order.currency,
        amount_minor=new.amount_minor,
        reason=new.reason,
        reference=refund_reference(order.id, refund_id),
        key=(new.key.scope, new.key.key) if new.key else None,
        actor=new.actor,
        created_at=now,
        updated_at=now,
    )
    work.refunds.add(refund, lease_seconds=LEASE_SECONDS)
    work.orders.record_change(change(order, order, [_happening("created", refund)], actor=new.actor, at=now))
    return refund


def settle_refund(
    work: MoneyUnitOfWork,
    claimed: Refund,
    outcome: Returned | Refused | Unanswered,
    answers: MoneyAnswers,
    actor: str,
) -> Answer | None:
    """Write the outcome and return the answer stored under the refund's key; None when another has settled it."""
    order = work.orders.lock(claimed.order_id)
    refund = work.refunds.get(order.id, claimed.id)
    if refund.status is not RefundState.PENDING:
        return None
    now = work.now()
    if isinstance(outcome, Unanswered):
        answer = answers.refunded(order, refund)
        _remember(work, refund, answer)
        work.refunds.save(replace(refund, key=None), lease_seconds=_RETRY_SECONDS)
        return answer
    if isinstance(outcome, Returned):
        after = replace(refund, status=RefundState.SUCCEEDED, key=None, updated_at=now)
        paid_back = replace(order, refunded_minor=order.refunded_minor + refund.amount_minor)
        payment = work.payments.get(order.id, refund.payment_id)
        work.payments.save(
            replace(payment, refunded_minor=payment.refunded_minor + refund.amount_minor, updated_at=now),
            lease_seconds=LEASE_SECONDS if payment.operation else None,
        )
    else:
        after = replace(refund, status=RefundState.FAILED, failure_code=outcome.code, key=None, updated_at=now)
        paid_back = order
    changed = change(order, paid_back, [_happening(after.status.value, after)], actor=actor, at=now)
    answer = answers.refunded(changed.after, after)
    _remember(work, refund, answer)
    work.refunds.save(after)
    work.orders.record_change(changed)
    return answer


def _remember(work: MoneyUnitOfWork, refund: Refund, answer: Answer) -> None:
    if refund.key is not None:
        work.keys.store(KeyRequest(*refund.key, b""), answer)


def _happening(verb: str, refund: Refund) -> Happening:
    details: dict[str, object] = {"id": refund.id, "amount": refund.amount_minor, "reason": refund.reason}
    if refund.failure_code is not None:
        details["code"] = refund.failure_code
    return Happening(f"refund.{verb}", {"refund": details})
