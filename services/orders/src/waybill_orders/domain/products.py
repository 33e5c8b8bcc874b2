"""What is sold, and how much of it is there."""

from dataclasses import dataclass

from waybill_orders.domain.money import Money


@dataclass(frozen=True)
class Product:
    """A thing with a price; `available` is what can be ordered now, in units."""

    sku: str
    name: str
    unit_price: Money
    active: bool
    available: int = 0


@dataclass(frozen=True)
class StockLevel:
    """Units of one SKU: on hand, and of those reserved for open orders."""

    sku: str
    on_hand: int
    reserved: int

    @property
    def available(self) -> int:
        """Units that can be ordered now."""
        return self.on_hand - self.reserved
