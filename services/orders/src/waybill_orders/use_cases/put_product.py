"""Create a product or replace its name, price and whether it is sold."""

from waybill_orders.domain.products import Product
from waybill_orders.use_cases.ports import UnitOfWorkFactory


def put_product(product: Product, unit_of_work: UnitOfWorkFactory) -> bool:
    """Return whether the product is new; doing it twice changes nothing."""
    with unit_of_work() as work:
        return work.products.put(product)
