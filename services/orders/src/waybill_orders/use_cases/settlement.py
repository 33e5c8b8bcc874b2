"""The second transaction of a gateway command: what is now known becomes sums, ledger, events and the key's answer.

Shared by the commands, the sweeper, the return of money and the webhooks, so that the same fact has the same effect by
whichever way it comes, and once.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from waybill_common.idempotency import Answer, KeyRequest
from waybill_common.jobs import NewJob

from waybill_orders.domain.change import Change, Happening, change
from waybill_orders.domain.order import Order
from waybill_orders.domain.payments import (
    ChargeFacts,
    Movement,
    Operation,
    Payment,
    PaymentState,
    fail,
    lands_late,
    learn,
    with_money,
)
from waybill_orders.use_cases.gateway_calls import GivenUp, Outcome, Refused, Told, Unanswered
from waybill_orders.use_cases.money_ports import MoneyAnswers, MoneyUnitOfWork

# Longer than the gateway's deadline and the second transaction together, so that nobody takes over what still runs.
LEASE_SECONDS = 20.0
_RETRY_SECONDS = 1.0
_ASYNCHRONOUS_SECONDS = 10.0


@dataclass(frozen=True)
class _Learnt:
    """What an outcome makes of a payment and its order; `changed` is None when all was known."""

    order: Order
    payment: Payment
    moved: tuple[Movement, ...]
    changed: Change | None


def settle_command(
    work: MoneyUnitOfWork, claimed: Payment, outcome: Outcome, answers: MoneyAnswers, actor: str
) -> Answer | None:
    """Write the outcome of the command that `claimed` has in flight, and return the answer stored under its key.

    None when another has settled the command by now; facts are merged even then.
    """
    order = work.orders.lock(claimed.order_id)
    payment = work.payments.get(order.id, claimed.id)
    is_ours = payment.operation is not None and payment.operation_number == claimed.operation_number
    if not is_ours:
        if isinstance(outcome, Told):
            learn_facts(work, order, payment, outcome.facts, actor)
        return None
    learnt = _learn(work, order, payment, outcome, actor)
    after = learnt.payment
    is_over = isinstance(outcome, Refused | GivenUp) or (
        isinstance(outcome, Told) and after.status is not PaymentState.PENDING
    )
    if is_over:
        settled, lease_seconds = after.rest(), None
    else:
        lease_seconds = _ASYNCHRONOUS_SECONDS if isinstance(outcome, Told) else _RETRY_SECONDS
        was_tried = isinstance(outcome, Unanswered) and outcome.was_sent
        settled = replace(after, key=None, tries=after.tries + was_tried)
    answer = _render(answers, learnt.order, settled, payment.operation, outcome)
    if payment.key is not None:
        work.keys.store(KeyRequest(*payment.key, b""), answer)
    _write(work, replace(learnt, payment=settled), lease_seconds)
    return answer


def learn_facts(work: MoneyUnitOfWork, order: Order, payment: Payment, facts: ChargeFacts, actor: str) -> None:
    """Merge facts that come by another way than the command's own answer; the order is locked.

    A charge whose client was answered already is at rest once the facts are final; otherwise whoever has the lease
    ends the command and answers its key.
    """
    learnt = _learn(work, order, payment, Told(facts), actor)
    after = learnt.payment
    answered = payment.operation is Operation.CHARGE and payment.key is None
    if answered and after.status is not PaymentState.PENDING:
        _write(work, replace(learnt, payment=after.rest()), None)
    else:
        _write(work, learnt, LEASE_SECONDS if after.operation else None)


def _learn(work: MoneyUnitOfWork, order: Order, payment: Payment, outcome: Outcome, actor: str) -> _Learnt:
    after, moved = _merge(payment, outcome)
    now = work.now()
    after = replace(after, updated_at=now, late=payment.late or lands_late(order, payment, moved))
    if not moved:
        return _Learnt(order, after, moved, None)
    happenings = _happenings(after, moved, is_late=after.late and not payment.late)
    changed = change(order, with_money(order, payment, after), happenings, actor=actor, at=now)
    return _Learnt(changed.after, after, moved, changed)


def _merge(payment: Payment, outcome: Outcome) -> tuple[Payment, tuple[Movement, ...]]:
    if isinstance(outcome, Told):
        return learn(payment, outcome.facts)
    if isinstance(outcome, Refused | GivenUp):
        if payment.operation is Operation.CHARGE:
            return fail(payment, PaymentState.FAILED, outcome.code)
        return replace(payment, failure_code=outcome.code), ()
    return payment, ()


def _happenings(payment: Payment, moved: Sequence[Movement], *, is_late: bool) -> list[Happening]:
    happenings = []
    landed = [movement for movement in moved if movement.is_landing]
    for movement in moved:
        kind = "failed" if movement.kind in ("declined", "failed") else movement.kind
        if is_late and movement in landed:
            if movement is not landed[0]:
                continue  # money that came late is one event, however it came
            kind = "late"
        happenings.append(Happening(f"payment.{kind}", {"payment": _details(payment, movement)}))
    return happenings


def _details(payment: Payment, movement: Movement) -> dict[str, object]:
    details: dict[str, object] = {
        "id": payment.id,
        "amount": movement.amount_minor,
        "method": payment.method["type"],
    }
    return details | ({"code": payment.failure_code} if payment.failure_code else {})


def _render(
    answers: MoneyAnswers, order: Order, payment: Payment, operation: Operation | None, outcome: Outcome
) -> Answer:
    if operation is Operation.CHARGE:
        return answers.charged(order, payment)
    return answers.changed(order, payment, outcome.code if isinstance(outcome, Refused) else None)


def _write(work: MoneyUnitOfWork, learnt: _Learnt, lease_seconds: float | None) -> None:
    work.payments.save(learnt.payment, lease_seconds=lease_seconds)
    work.payments.record(learnt.payment, learnt.moved)
    if learnt.changed is not None:
        if any(movement.is_landing for movement in learnt.moved) and (learnt.payment.late or learnt.order.is_overpaid):
            order_id = learnt.order.id
            work.enqueue(NewJob(lane=f"money:{order_id}", kind="return_money", payload={"order_id": order_id}))
        work.orders.record_change(learnt.changed)
