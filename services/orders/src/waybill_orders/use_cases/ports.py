"""What the use cases of orders ask of the world; bootstrap fits the adapters and mypy proves the fit."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from types import TracebackType
from typing import Protocol, Self

from waybill_common.idempotency import Answer, KeyRequest
from waybill_common.jobs import NewJob

from waybill_orders.domain.change import Change
from waybill_orders.domain.notes import Note
from waybill_orders.domain.order import Order
from waybill_orders.domain.placement import Quote
from waybill_orders.domain.products import Product, StockLevel


class Orders(Protocol):
    """Orders under lock, and the only way to change one."""

    def lock(self, order_id: str, *, customer_id: str | None = None) -> Order:
        """Lock the order's row until the transaction ends and return it as it is now.

        `customer_id` hides every other customer's order. Raises OrderNotFoundError.
        """

    def lock_expired(self, limit: int) -> list[Order]:
        """Lock and return up to `limit` unpaid orders past their time by the database's clock.

        What another transaction holds is skipped: it is about to change the order.
        """

    def record_change(self, change: Change) -> Order:
        """Write one change with its events and stock; returns the order at its new version."""

    def record_changes(self, changes: Sequence[Change]) -> None:
        """Write changes of different orders together, each as `record_change` does."""


class Products(Protocol):
    """What is sold, and for how much."""

    def put(self, product: Product) -> bool:
        """Create or replace the product; True when it is new."""


class Stock(Protocol):
    """What is there."""

    def adjust(self, sku: str, delta: int, *, reason: str, actor: str) -> StockLevel:
        """Add `delta` units to what is on hand and return the level; one guarded write.

        Raises ProductNotFoundError, and InsufficientStockError when reserved units would lose their ground.
        """


class Notes(Protocol):
    """Remarks on orders."""

    def add(self, note: Note) -> None:
        """Keep a note."""


class Keys(Protocol):
    """Idempotency keys of this transaction (`waybill_common.idempotency.KeyStore`)."""

    def claim(self, request: KeyRequest) -> Answer | None:
        """Return None when the key is ours, else the remembered answer; raises KeyReusedError, KeyInProgressError."""

    def store(self, request: KeyRequest, answer: Answer) -> bool:
        """Remember the final answer in this transaction; False when one is remembered already."""


class UnitOfWork(Protocol):
    """One transaction: commits on a clean exit, rolls back on an exception."""

    @property
    def orders(self) -> Orders:
        """Orders of this transaction."""

    @property
    def products(self) -> Products:
        """Products of this transaction."""

    @property
    def stock(self) -> Stock:
        """Stock of this transaction."""

    @property
    def notes(self) -> Notes:
        """Notes of this transaction."""

    @property
    def keys(self) -> Keys:
        """Idempotency keys of this transaction."""

    def now(self) -> datetime:
        """Return the transaction's time by the database's clock."""

    def enqueue(self, job: NewJob) -> None:
        """Write a job in this transaction; workers are woken after the commit."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class OrderDesk(Protocol):
    """Where orders are placed: two statements, each a transaction of its own."""

    def quote(self, channel: str, skus: Sequence[str]) -> Quote:
        """Return today's prices of these SKUs, the clock and the channel's next order number."""

    def place(self, change: Change, key: KeyRequest, answer: Answer, note: str | None) -> bool:
        """Write an order's first change, its note, and the key with its answer, stock last; False for a known key.

        Raises PriceChangedError, InsufficientStockError, ReferenceTakenError, KeyInProgressError; then nothing is kept.
        """

    def replay(self, request: KeyRequest) -> Answer | None:
        """Return the answer remembered under the key, None for an unknown one.

        Raises KeyReusedError, KeyInProgressError.
        """


OpenOrderDesk = Callable[[], AbstractContextManager[OrderDesk]]
UnitOfWorkFactory = Callable[[], UnitOfWork]
RenderOrder = Callable[[Order], Answer]
"""How the caller's floor writes an order as an answer; keyed commands render before they commit."""
