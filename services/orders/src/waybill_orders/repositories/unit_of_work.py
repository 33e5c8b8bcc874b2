"""The transaction of orders, with every repository on its one connection."""

from datetime import datetime
from functools import cached_property

import sqlalchemy as sa
from waybill_common.database import CHANNEL_JOBS, CHANNEL_OUTBOX, Doorbell, UnitOfWork
from waybill_common.idempotency import KeyStore
from waybill_common.jobs import NewJob, enqueue
from waybill_common.messaging import Inbox
from waybill_common.tokens import RevocationTable

from waybill_orders.models.signals import Signals
from waybill_orders.repositories.fulfillments import SqlFulfillments
from waybill_orders.repositories.notes import SqlNotes
from waybill_orders.repositories.orders import SqlOrders
from waybill_orders.repositories.payments import SqlGatewayEvents, SqlPayments
from waybill_orders.repositories.products import SqlProducts
from waybill_orders.repositories.refunds import SqlRefunds
from waybill_orders.repositories.stock import SqlStock

_NOW = sa.text("SELECT now()")


class OrdersUnitOfWork(UnitOfWork):
    """One transaction over orders' database; adapter of the port `UnitOfWork`.

    Made anew for each call, so a repository made at first use lives exactly as long as its transaction. Repositories
    that write events ring the outbox when they are first asked for: a wake-up too many costs the relay one empty
    look.
    """

    def __init__(self, engine: sa.Engine, doorbell: Doorbell | None = None, signals: Signals | None = None) -> None:
        super().__init__(engine, doorbell)
        self._signals = signals or Signals()

    @cached_property
    def orders(self) -> SqlOrders:
        """Orders under lock, and the writer of their changes."""
        self.ring(CHANNEL_OUTBOX)
        return SqlOrders(self.connection, SqlStock(self.connection))

    @cached_property
    def stock(self) -> SqlStock:
        """Adjustments of stock."""
        self.ring(CHANNEL_OUTBOX)
        return SqlStock(self.connection)

    @cached_property
    def products(self) -> SqlProducts:
        """Products."""
        return SqlProducts(self.connection)

    @cached_property
    def notes(self) -> SqlNotes:
        """Notes on orders."""
        return SqlNotes(self.connection)

    @cached_property
    def payments(self) -> SqlPayments:
        """Payments and their ledger."""
        return SqlPayments(self.connection)

    @cached_property
    def refunds(self) -> SqlRefunds:
        """Refunds."""
        return SqlRefunds(self.connection)

    @cached_property
    def fulfillments(self) -> SqlFulfillments:
        """Parcels."""
        return SqlFulfillments(self.connection)

    @cached_property
    def gateway_events(self) -> SqlGatewayEvents:
        """Webhooks that were taken."""
        return SqlGatewayEvents(self.connection)

    @cached_property
    def keys(self) -> KeyStore:
        """Idempotency keys."""
        return KeyStore(self.connection)

    @cached_property
    def revocations(self) -> RevocationTable:
        """Revoked sessions and users, as auth told them."""
        return RevocationTable(self.connection)

    def claim_message(self, consumer: str, message_id: str) -> bool:
        """Take a message for a consumer in this transaction; False when its effect is committed already."""
        return Inbox(self.connection).claim(consumer, message_id)

    def now(self) -> datetime:
        """Return the transaction's time by the database's clock."""
        moment: datetime = self.connection.execute(_NOW).scalar_one()
        return moment

    def enqueue(self, job: NewJob) -> None:
        """Write a job in this transaction and wake a worker after the commit."""
        enqueue(self.connection, job)
        self.ring(CHANNEL_JOBS)

    def _after_commit(self) -> None:
        super()._after_commit()
        if "orders" in self.__dict__:
            self._signals.committed(self.orders.recorded)
