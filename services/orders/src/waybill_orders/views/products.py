"""Products and their stock over HTTP: read by everybody, kept by staff."""

from flask import Response
from waybill_common.http import (
    PUBLIC,
    GuardedBlueprint,
    current_caller,
    decode_cursor,
    encode_cursor,
    json_answer,
    operation,
    page_answer,
    send_answer,
    staff,
)
from waybill_common.idempotency import KeyRequest
from waybill_common.problems import Problem

from waybill_orders.domain.errors import FieldRefusedError
from waybill_orders.domain.products import Product
from waybill_orders.use_cases.adjust_stock import AdjustStock, adjust_stock
from waybill_orders.use_cases.ports import UnitOfWorkFactory
from waybill_orders.use_cases.put_product import put_product
from waybill_orders.use_cases.queries import ProductQueries
from waybill_orders.views.representation import product_json, stock_answer
from waybill_orders.views.schemas import PageQuery, ProductIn, ProductOut, ProductPageOut, StockIn, StockOut

_FILTERS = {"products": "active"}


def products_blueprints(unit_of_work: UnitOfWorkFactory, queries: ProductQueries) -> list[GuardedBlueprint]:
    """Return `/v1/products…`: one blueprint for each kind of caller."""
    return [_shelf(queries), _catalog(unit_of_work, queries), _stock(unit_of_work)]


def _shelf(queries: ProductQueries) -> GuardedBlueprint:
    blueprint = GuardedBlueprint("products", __name__, access=PUBLIC)

    @blueprint.get("/v1/products")
    @operation(query=PageQuery, answers={200: ProductPageOut})
    def list_products(query: PageQuery) -> Response:
        """List what is for sale, by SKU."""
        after = None if query.cursor is None else decode_cursor(query.cursor, _FILTERS, [str])[0]
        found = queries.page(after=after, limit=query.limit + 1)
        page = found[: query.limit]
        cursor = encode_cursor([page[-1].sku], _FILTERS) if len(found) > query.limit else None
        return page_answer([product_json(product) for product in page], cursor)

    @blueprint.get("/v1/products/<sku>")
    @operation(answers={200: ProductOut})
    def show(sku: str) -> Response:
        """Read a product."""
        return json_answer(product_json(queries.find(sku)))

    return blueprint


def _catalog(unit_of_work: UnitOfWorkFactory, queries: ProductQueries) -> GuardedBlueprint:
    blueprint = GuardedBlueprint("catalog", __name__, access=staff("catalog:write", risky=True))

    @blueprint.put("/v1/products/<sku>")
    @operation(body=ProductIn, answers={200: ProductOut, 201: ProductOut})
    def put(sku: str, body: ProductIn) -> Response:
        """Create a product or replace its name, price and whether it is sold."""
        _require_sku(sku)
        product = Product(sku=sku, name=body.name, unit_price=body.unit_price.to_money(), active=body.active)
        is_new = put_product(product, unit_of_work)
        status, location = (201, f"/v1/products/{sku}") if is_new else (200, None)
        return json_answer(product_json(queries.find(sku)), status, location=location)

    return blueprint


def _stock(unit_of_work: UnitOfWorkFactory) -> GuardedBlueprint:
    blueprint = GuardedBlueprint("stock", __name__, access=staff("stock:write"))

    @blueprint.post("/v1/products/<sku>/stock")
    @operation(body=StockIn, keyed=True, answers={200: StockOut})
    def adjust(sku: str, body: StockIn, key: KeyRequest) -> Response:
        """Add units to what is on hand, or take some away."""
        if body.is_nothing:
            raise FieldRefusedError([("/delta", "min", "A movement of no unit is none.")])
        command = AdjustStock(sku=sku, delta=body.delta, reason=body.reason, actor=current_caller().subject, key=key)
        return send_answer(adjust_stock(command, unit_of_work, stock_answer))

    return blueprint


def _require_sku(sku: str) -> None:
    """Raise Problem 422 for a path segment that cannot be a SKU."""
    is_plain = sku.isascii() and all(sign.isalnum() or sign in "._-" for sign in sku)
    if not is_plain or not sku[0].isalnum() or len(sku) > 64:
        detail = "A SKU is 1 to 64 letters, digits, dots, dashes or underscores, and starts with a letter or digit."
        errors = [{"pointer": "/sku", "code": "pattern", "detail": detail}]
        raise Problem(422, "validation_failed", "The SKU in the address cannot be used.", errors=errors)
