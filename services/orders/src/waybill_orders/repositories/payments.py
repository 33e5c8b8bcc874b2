"""Payments, the ledger they fill, and the webhooks about them."""

from collections.abc import Sequence
from typing import Any

import orjson
import sqlalchemy as sa

from waybill_orders.domain.payment_errors import PaymentNotFoundError
from waybill_orders.domain.payments import GatewayEvent, Movement, Payment
from waybill_orders.models.payments import PAYMENT_COLUMNS, payment_of

# An attempt at the gateway delays expiry by a minute, and by no more than five past the order's time: an attempt that
# never ends must not keep an order alive.
_HOLD_EXPIRY = sa.text(
    """
    UPDATE orders SET payment_pending_until = least(now() + interval '60 seconds', expires_at + interval '5 minutes')
    WHERE id = :id AND status = 'pending'
    """
)
_NEXT_ATTEMPT = sa.text("SELECT coalesce(max(attempt), 0) + 1 FROM payments WHERE order_id = :order_id")
_ADD = sa.text(
    """
    INSERT INTO payments (id, order_id, attempt, status, method, capture, currency, amount_minor, reference, gateway,
        operation, operation_minor, operation_number, tries, key_scope, key, lease_until, actor, created_at, updated_at)
    VALUES (:id, :order_id, :attempt, :status, CAST(:method AS jsonb), :capture, :currency, :amount_minor, :reference,
        :gateway, :operation, :operation_minor, :operation_number, :tries, :key_scope, :key,
        now() + make_interval(secs => :lease), :actor, :created_at, :updated_at)
    """
)
_GET = sa.text(f"SELECT {PAYMENT_COLUMNS} FROM payments WHERE order_id = :order_id AND id = :id")  # noqa: S608 - our own column names
_OF_ORDER = sa.text(f"SELECT {PAYMENT_COLUMNS} FROM payments WHERE order_id = :order_id ORDER BY attempt")  # noqa: S608 - our own column names
_FIND = sa.text(
    f"SELECT {PAYMENT_COLUMNS} FROM payments WHERE gateway = :gateway AND reference = :reference"  # noqa: S608
)
_SAVE = sa.text(
    """
    UPDATE payments SET status = :status, authorized_minor = :authorized_minor, captured_minor = :captured_minor,
        refunded_minor = :refunded_minor, late = :late, gateway_charge_id = :gateway_charge_id,
        failure_code = :failure_code, operation = :operation, operation_minor = :operation_minor,
        operation_number = :operation_number, tries = :tries, key_scope = :key_scope, key = :key,
        lease_until = now() + make_interval(secs => :lease), updated_at = :updated_at
    WHERE id = :id
    """
)
_RECORD = sa.text(
    """
    INSERT INTO payment_entries (payment_id, order_id, kind, amount_minor, reference)
    VALUES (:payment_id, :order_id, :kind, :amount_minor, :reference)
    """
)
_CLAIM_DUE = sa.text(
    f"""
    UPDATE payments SET lease_until = now() + make_interval(secs => :lease)
    WHERE id = (SELECT id FROM payments WHERE operation IS NOT NULL AND lease_until <= now()
                ORDER BY lease_until LIMIT 1 FOR UPDATE SKIP LOCKED)
    RETURNING {PAYMENT_COLUMNS}
    """  # noqa: S608
)
_ADD_EVENT = sa.text(
    """
    INSERT INTO gateway_events (provider, event_id, reference, payload, parked)
    VALUES (:provider, :event_id, :reference, CAST(:payload AS jsonb), :parked)
    ON CONFLICT DO NOTHING RETURNING event_id
    """
)
_MUTABLE = (
    "id",
    "status",
    "authorized_minor",
    "captured_minor",
    "refunded_minor",
    "late",
    "gateway_charge_id",
    "failure_code",
    "operation",
    "operation_minor",
    "operation_number",
    "tries",
    "updated_at",
)


class SqlPayments:
    """Adapter of the port `Payments`; the caller holds the lock of the order's row."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def next_attempt(self, order_id: str) -> int:
        """Return the number of the order's next attempt."""
        return int(self._connection.execute(_NEXT_ATTEMPT, {"order_id": order_id}).scalar_one())

    def add(self, payment: Payment, *, lease_seconds: float) -> None:
        """Keep a new attempt with its command in flight, and let expiry wait for it for a bounded time."""
        values = {
            **_values(payment, _MUTABLE),
            "order_id": payment.order_id,
            "attempt": payment.attempt,
            "method": orjson.dumps(dict(payment.method)).decode(),
            "capture": payment.capture,
            "currency": payment.currency,
            "amount_minor": payment.amount_minor,
            "reference": payment.reference,
            "gateway": payment.gateway,
            "actor": payment.actor,
            "created_at": payment.created_at,
            "lease": lease_seconds,
        }
        self._connection.execute(_ADD, values)
        self._connection.execute(_HOLD_EXPIRY, {"id": payment.order_id})

    def get(self, order_id: str, payment_id: str) -> Payment:
        """Return one payment of the order; raises PaymentNotFoundError."""
        row = self._connection.execute(_GET, {"order_id": order_id, "id": payment_id}).one_or_none()
        if row is None:
            raise PaymentNotFoundError(payment_id)
        return payment_of(row)

    def of_order(self, order_id: str) -> list[Payment]:
        """Return the order's payments, oldest first."""
        return [payment_of(row) for row in self._connection.execute(_OF_ORDER, {"order_id": order_id})]

    def find(self, gateway: str, reference: str) -> Payment | None:
        """Return the payment under a charge's reference, not locked; None when it is not ours."""
        row = self._connection.execute(_FIND, {"gateway": gateway, "reference": reference}).one_or_none()
        return None if row is None else payment_of(row)

    def save(self, payment: Payment, *, lease_seconds: float | None = None) -> None:
        """Write what changed; a command in flight is left alone for `lease_seconds`."""
        self._connection.execute(_SAVE, {**_values(payment, _MUTABLE), "lease": lease_seconds})

    def record(self, payment: Payment, moved: Sequence[Movement]) -> None:
        """Append to the ledger what moved, named by the sum it brought the payment to: a fact told twice is refused."""
        sums = {
            "authorized": payment.amount_minor,
            "captured": payment.captured_minor,
            "voided": payment.released_minor,
        }
        records = [
            {
                "payment_id": payment.id,
                "order_id": payment.order_id,
                "kind": movement.kind,
                "amount_minor": movement.amount_minor,
                "reference": f"to:{sums.get(movement.kind, 0)}",
            }
            for movement in moved
        ]
        if records:
            self._connection.execute(_RECORD, records)

    def claim_due(self, lease_seconds: float) -> Payment | None:
        """Take over one command whose lease ran out by the database's clock, or None."""
        row = self._connection.execute(_CLAIM_DUE, {"lease": lease_seconds}).one_or_none()
        return None if row is None else payment_of(row)


class SqlGatewayEvents:
    """Adapter of the port `GatewayEvents`: unique by provider and event id, in the transaction of the effect."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def add(self, event: GatewayEvent, *, parked: bool) -> bool:
        """Keep the event; False when it was kept before. A twin in flight is waited for."""
        values = {
            "provider": event.provider,
            "event_id": event.event_id,
            "reference": event.facts.reference if event.facts else None,
            "payload": orjson.dumps(dict(event.payload)).decode(),
            "parked": parked,
        }
        return self._connection.execute(_ADD_EVENT, values).scalar() is not None


def _values(payment: Payment, names: Sequence[str]) -> dict[str, Any]:
    scope, key = payment.key or (None, None)
    return {name: getattr(payment, name) for name in names} | {"key_scope": scope, "key": key}
