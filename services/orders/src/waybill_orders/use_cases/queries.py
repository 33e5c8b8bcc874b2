"""What is read without changing anything: the ports of the read side, which views ask directly."""

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from waybill_orders.domain.listing import OrderFilter, TimelineEntry
from waybill_orders.domain.notes import Note
from waybill_orders.domain.order import Order
from waybill_orders.domain.products import Product


class OrderQueries(Protocol):
    """Orders as they are; `customer_id` hides every other customer's, None shows all."""

    def find(self, order_id: str, *, customer_id: str | None) -> Order:
        """Return the order; raises OrderNotFoundError."""

    def page(self, wanted: OrderFilter, *, after: tuple[datetime, str] | None, limit: int) -> Sequence[Order]:
        """Return up to `limit` orders behind `after` (placement time and id) in the filter's sort order."""

    def timeline(self, order_id: str, *, customer_id: str | None, after: int, limit: int) -> Sequence[TimelineEntry]:
        """Return up to `limit` events after a sequence; customers do not see private notes.

        Raises OrderNotFoundError.
        """

    def notes(
        self, order_id: str, *, customer_id: str | None, after: tuple[datetime, str] | None, limit: int
    ) -> Sequence[Note]:
        """Return up to `limit` notes in the order they were written; customers see the public ones."""


class ProductQueries(Protocol):
    """Products as they are, with what can be ordered now."""

    def find(self, sku: str) -> Product:
        """Return the product; raises ProductNotFoundError."""

    def page(self, *, after: str | None, limit: int) -> Sequence[Product]:
        """Return up to `limit` products that are for sale, by SKU, behind `after`."""
