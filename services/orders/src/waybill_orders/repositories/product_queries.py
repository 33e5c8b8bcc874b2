"""Products as they are, with what can be ordered now."""

from collections.abc import Sequence
from typing import Any

from waybill_common.database import DirectPool

from waybill_orders.domain.errors import ProductNotFoundError
from waybill_orders.domain.money import Money
from waybill_orders.domain.products import Product
from waybill_orders.repositories.direct import DirectSession

_SELECT = """
SELECT p.sku, p.name, p.unit_price_minor, p.currency, p.active, coalesce(s.on_hand - s.reserved, 0) AS available
FROM products p LEFT JOIN stock s USING (sku)
"""
_FIND = f"{_SELECT} WHERE p.sku = %(sku)s"
_PAGE = f"{_SELECT} WHERE p.active AND p.sku > %(after)s ORDER BY p.sku LIMIT %(limit)s"


class SqlProductQueries:
    """Adapter of the port `ProductQueries`."""

    def __init__(self, pool: DirectPool) -> None:
        self._pool = pool

    def find(self, sku: str) -> Product:
        """Return the product; raises ProductNotFoundError."""
        rows = self._read(_FIND, {"sku": sku})
        if not rows:
            raise ProductNotFoundError(sku)
        return _product(rows[0])

    def page(self, *, after: str | None, limit: int) -> Sequence[Product]:
        """Return products that are for sale, by SKU."""
        return [_product(row) for row in self._read(_PAGE, {"after": after or "", "limit": limit})]

    def _read(self, sql: str, values: dict[str, Any]) -> Sequence[Any]:
        with DirectSession(self._pool) as session:
            return session.fetch(sql, values)


def _product(row: tuple[Any, ...]) -> Product:
    sku, name, unit_price_minor, currency, active, available = row
    return Product(sku, name, Money(unit_price_minor, currency), active, available)
