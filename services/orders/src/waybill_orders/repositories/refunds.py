"""Refunds and their line in the ledger."""

import sqlalchemy as sa

from waybill_orders.domain.payment_errors import RefundNotFoundError
from waybill_orders.domain.refunds import Refund, RefundState
from waybill_orders.models.payments import REFUND_COLUMNS, refund_of

_ADD = sa.text(
    """
    INSERT INTO refunds (id, order_id, payment_id, status, currency, amount_minor, reason, reference, key_scope, key,
        lease_until, actor, created_at, updated_at)
    VALUES (:id, :order_id, :payment_id, :status, :currency, :amount_minor, :reason, :reference, :key_scope, :key,
        now() + make_interval(secs => :lease), :actor, :created_at, :updated_at)
    """
)
_GET = sa.text(f"SELECT {REFUND_COLUMNS} FROM refunds WHERE order_id = :order_id AND id = :id")  # noqa: S608 - our own column names
_OF_ORDER = sa.text(f"SELECT {REFUND_COLUMNS} FROM refunds WHERE order_id = :order_id ORDER BY created_at, id")  # noqa: S608 - our own column names
_SAVE = sa.text(
    """
    UPDATE refunds SET status = :status, failure_code = :failure_code, key_scope = :key_scope, key = :key,
        lease_until = now() + make_interval(secs => :lease), updated_at = :updated_at
    WHERE id = :id
    """
)
_RECORD = sa.text(
    """
    INSERT INTO payment_entries (payment_id, order_id, refund_id, kind, amount_minor, reference)
    VALUES (:payment_id, :order_id, :id, 'refunded', :amount_minor, :reference)
    """
)
_CLAIM_DUE = sa.text(
    f"""
    UPDATE refunds SET lease_until = now() + make_interval(secs => :lease)
    WHERE id = (SELECT id FROM refunds WHERE status = 'pending' AND lease_until <= now()
                ORDER BY lease_until LIMIT 1 FOR UPDATE SKIP LOCKED)
    RETURNING {REFUND_COLUMNS}
    """  # noqa: S608
)


class SqlRefunds:
    """Adapter of the port `Refunds`; the caller holds the lock of the order's row."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def add(self, refund: Refund, *, lease_seconds: float) -> None:
        """Keep a new, pending refund."""
        scope, key = refund.key or (None, None)
        values = {
            "id": refund.id,
            "order_id": refund.order_id,
            "payment_id": refund.payment_id,
            "status": refund.status,
            "currency": refund.currency,
            "amount_minor": refund.amount_minor,
            "reason": refund.reason,
            "reference": refund.reference,
            "key_scope": scope,
            "key": key,
            "lease": lease_seconds,
            "actor": refund.actor,
            "created_at": refund.created_at,
            "updated_at": refund.updated_at,
        }
        self._connection.execute(_ADD, values)

    def get(self, order_id: str, refund_id: str) -> Refund:
        """Return one refund of the order; raises RefundNotFoundError."""
        row = self._connection.execute(_GET, {"order_id": order_id, "id": refund_id}).one_or_none()
        if row is None:
            raise RefundNotFoundError(refund_id)
        return refund_of(row)

    def of_order(self, order_id: str) -> list[Refund]:
        """Return the order's refunds, oldest first."""
        return [refund_of(row) for row in self._connection.execute(_OF_ORDER, {"order_id": order_id})]

    def save(self, refund: Refund, *, lease_seconds: float | None = None) -> None:
        """Write what changed, and the ledger's line once the money went back."""
        scope, key = refund.key or (None, None)
        values = {
            "id": refund.id,
            "status": refund.status,
            "failure_code": refund.failure_code,
            "key_scope": scope,
            "key": key,
            "lease": lease_seconds,
            "updated_at": refund.updated_at,
        }
        self._connection.execute(_SAVE, values)
        if refund.status is RefundState.SUCCEEDED:
            entry = {
                "payment_id": refund.payment_id,
                "order_id": refund.order_id,
                "id": refund.id,
                "amount_minor": refund.amount_minor,
                "reference": refund.reference,
            }
            self._connection.execute(_RECORD, entry)

    def claim_due(self, lease_seconds: float) -> Refund | None:
        """Take over one pending refund whose lease ran out by the database's clock, or None."""
        row = self._connection.execute(_CLAIM_DUE, {"lease": lease_seconds}).one_or_none()
        return None if row is None else refund_of(row)
