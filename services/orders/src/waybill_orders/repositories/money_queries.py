"""Payments and refunds as they are: read in autocommit, changing nothing."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from waybill_orders.domain.errors import OrderNotFoundError
from waybill_orders.domain.payment_errors import PaymentNotFoundError, RefundNotFoundError
from waybill_orders.domain.payments import Payment
from waybill_orders.domain.refunds import Refund
from waybill_orders.models.payments import PAYMENT_COLUMNS, REFUND_COLUMNS, payment_of, refund_of

_VERSION = "SELECT version FROM orders WHERE id = %(id)s AND customer_id = coalesce(%(customer_id)s, customer_id)"
_PAYMENTS = f"SELECT {PAYMENT_COLUMNS} FROM payments WHERE order_id = %(id)s ORDER BY attempt"  # noqa: S608 - our names
_REFUNDS = f"SELECT {REFUND_COLUMNS} FROM refunds WHERE order_id = %(id)s ORDER BY created_at, id"  # noqa: S608


class SqlMoneyQueries:
    """Adapter of the port `MoneyQueries`; needs no more than SELECT on the tables.

    An order has a handful of payments, so one is picked from all of them.
    """

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine.execution_options(isolation_level="AUTOCOMMIT")

    def payment(self, order_id: str, payment_id: str, *, customer_id: str | None) -> Payment:
        """Return a payment; raises OrderNotFoundError, PaymentNotFoundError."""
        for payment in self.payments(order_id, customer_id=customer_id):
            if payment.id == payment_id:
                return payment
        raise PaymentNotFoundError(payment_id)

    def payments(self, order_id: str, *, customer_id: str | None) -> Sequence[Payment]:
        """Return the order's payments, oldest first; raises OrderNotFoundError."""
        return [payment_of(row) for row in self._read(_PAYMENTS, order_id, customer_id)[1]]

    def refund(self, order_id: str, refund_id: str, *, customer_id: str | None) -> tuple[Refund, int]:
        """Return a refund and its order's version; raises OrderNotFoundError, RefundNotFoundError."""
        version, rows = self._read(_REFUNDS, order_id, customer_id)
        for row in rows:
            if row.id == refund_id:
                return refund_of(row), version
        raise RefundNotFoundError(refund_id)

    def refunds(self, order_id: str, *, customer_id: str | None) -> Sequence[Refund]:
        """Return the order's refunds, oldest first; raises OrderNotFoundError."""
        return [refund_of(row) for row in self._read(_REFUNDS, order_id, customer_id)[1]]

    def _read(self, sql: str, order_id: str, customer_id: str | None) -> tuple[int, Sequence[Any]]:
        with self._engine.connect() as connection:
            values = {"id": order_id, "customer_id": customer_id}
            version = connection.exec_driver_sql(_VERSION, values).scalar()
            if version is None:
                raise OrderNotFoundError(order_id)
            return int(version), connection.exec_driver_sql(sql, {"id": order_id}).all()
