"""Columns of payments and refunds, and how their rows become values."""

from typing import Any

from waybill_orders.domain.payments import Operation, Payment, PaymentState
from waybill_orders.domain.refunds import Refund, RefundState

PAYMENT_COLUMNS = (
    "id, order_id, attempt, status, method, capture, currency, amount_minor, authorized_minor, captured_minor, "
    "refunded_minor, late, reference, gateway, gateway_charge_id, failure_code, operation, operation_minor, "
    "operation_number, tries, key_scope, key, actor, created_at, updated_at"
)
REFUND_COLUMNS = (
    "id, order_id, payment_id, status, currency, amount_minor, reason, reference, failure_code, key_scope, key, actor, "
    "created_at, updated_at"
)


def payment_of(row: Any) -> Payment:
    """Return the payment of a row of PAYMENT_COLUMNS."""
    return Payment(
        id=row.id,
        order_id=row.order_id,
        attempt=row.attempt,
        status=PaymentState(row.status),
        method=row.method,
        capture=row.capture,
        currency=row.currency,
        amount_minor=row.amount_minor,
        authorized_minor=row.authorized_minor,
        captured_minor=row.captured_minor,
        refunded_minor=row.refunded_minor,
        late=row.late,
        reference=row.reference,
        gateway=row.gateway,
        gateway_charge_id=row.gateway_charge_id,
        failure_code=row.failure_code,
        operation=Operation(row.operation) if row.operation else None,
        operation_minor=row.operation_minor,
        operation_number=row.operation_number,
        tries=row.tries,
        key=_key_of(row),
        actor=row.actor,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


def refund_of(row: Any) -> Refund:
    """Return the refund of a row of REFUND_COLUMNS."""
    return Refund(
        id=row.id,
        order_id=row.order_id,
        payment_id=row.payment_id,
        status=RefundState(row.status),
        currency=row.currency,
        amount_minor=row.amount_minor,
        reason=row.reason,
        reference=row.reference,
        failure_code=row.failure_code,
        key=_key_of(row),
        actor=row.actor,
        created_at=row.created_at,
        updated_at=row.updated_at,
    )


def _key_of(row: Any) -> tuple[str, str] | None:
    return None if row.key is None else (row.key_scope, row.key)
