"""Products: created and replaced by staff, read by everybody."""

import sqlalchemy as sa

from waybill_orders.domain.products import Product

_PUT = sa.text(
    """
    INSERT INTO products (sku, name, unit_price_minor, currency, active)
    VALUES (:sku, :name, :unit_price_minor, :currency, :active)
    ON CONFLICT (sku) DO UPDATE SET name = excluded.name, unit_price_minor = excluded.unit_price_minor,
        currency = excluded.currency, active = excluded.active, updated_at = now()
    RETURNING xmax = 0 AS is_new
    """
)
_STOCK = sa.text("INSERT INTO stock (sku) VALUES (:sku) ON CONFLICT DO NOTHING")


class SqlProducts:
    """Adapter of the port `Products`."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def put(self, product: Product) -> bool:
        """Create or replace the product, with an empty stock row when it is new; True when it is new."""
        values = {
            "sku": product.sku,
            "name": product.name,
            "unit_price_minor": product.unit_price.amount,
            "currency": product.unit_price.currency,
            "active": product.active,
        }
        is_new = bool(self._connection.execute(_PUT, values).scalar_one())
        if is_new:
            self._connection.execute(_STOCK, {"sku": product.sku})
        return is_new
