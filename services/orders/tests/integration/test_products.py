"""Products and stock over HTTP."""

import pytest

from .service import ANN, KEEPER, Service, code_of

pytestmark = pytest.mark.integration

TEA = {"name": "Tea", "unit_price": {"amount": 1999, "currency": "EUR"}, "active": True}


def test_a_product_is_created_then_replaced(service: Service) -> None:
    created = service.call("PUT", "/v1/products/TEA", KEEPER, json=TEA)
    assert (created.status_code, created.headers["Location"]) == (201, "/v1/products/TEA")
    assert created.json == {"sku": "TEA", **TEA, "available": 0}
    service.stock("TEA", 5)
    replaced = service.call("PUT", "/v1/products/TEA", KEEPER, json=TEA | {"name": "Green tea"})
    assert (replaced.status_code, replaced.json["name"], replaced.json["available"]) == (200, "Green tea", 5)
    assert service.call("GET", "/v1/products/TEA", None).json == replaced.json


def test_everybody_reads_products_and_only_staff_with_the_scope_keep_them(service: Service) -> None:
    service.product("TEA")
    assert service.call("GET", "/v1/products", None).status_code == 200
    assert code_of(service.call("PUT", "/v1/products/TEA", ANN, json=TEA)) == (403, "insufficient_scope")
    assert code_of(service.call("PUT", "/v1/products/TEA", None, json=TEA)) == (401, "authentication_required")
    body = {"delta": 1, "reason": "x"}
    assert code_of(service.call("POST", "/v1/products/TEA/stock", ANN, json=body)) == (403, "insufficient_scope")
    other = service.call("POST", "/v1/products/TEA/stock", "usr_k catalog:write", json=body)
    assert code_of(other) == (403, "insufficient_scope")


def test_the_shelf_is_paged_and_shows_what_is_for_sale(service: Service) -> None:
    for sku in ("C", "A", "B", "OLD"):
        service.product(sku)
    service.call("PUT", "/v1/products/OLD", KEEPER, json=TEA | {"active": False})
    first = service.call("GET", "/v1/products?limit=2", None).json
    assert [product["sku"] for product in first["data"]] == ["A", "B"]
    second = service.call("GET", f"/v1/products?limit=2&cursor={first['next_cursor']}", None).json
    assert ([product["sku"] for product in second["data"]], second["has_more"]) == (["C"], False)
    assert service.call("GET", "/v1/products/OLD", None).json["active"] is False


def test_unknown_products_are_404(service: Service) -> None:
    assert code_of(service.call("GET", "/v1/products/NONE", None)) == (404, "product_not_found")
    assert code_of(service.stock("NONE", 1)) == (404, "product_not_found")


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"name": ""}, 422, "validation_failed"),
        ({"name": "x" * 101}, 422, "validation_failed"),
        ({"name": "a\u202eb"}, 422, "validation_failed"),
        ({"unit_price": {"amount": -1, "currency": "EUR"}}, 422, "validation_failed"),
        ({"unit_price": {"amount": 2**53, "currency": "EUR"}}, 422, "validation_failed"),
        ({"unit_price": {"amount": 1.5, "currency": "EUR"}}, 400, "invalid_request"),
        ({"unit_price": {"amount": 1, "currency": "XXX"}}, 422, "validation_failed"),
        ({"unit_price": 1}, 400, "invalid_request"),
        ({"available": 5}, 400, "unknown_field"),
        ({"active": "true"}, 400, "invalid_request"),
    ],
)
def test_a_wrong_product_is_refused(service: Service, change: dict[str, object], status: int, code: str) -> None:
    assert code_of(service.call("PUT", "/v1/products/TEA", KEEPER, json=TEA | change)) == (status, code)
    assert service.count("products") == 0


@pytest.mark.parametrize("sku", ["a%20b", "%C3%A9", "-x", "x" * 65])
def test_an_address_that_is_no_sku_is_refused(service: Service, sku: str) -> None:
    assert code_of(service.call("PUT", f"/v1/products/{sku}", KEEPER, json=TEA)) == (422, "validation_failed")


def test_stock_moves_by_deltas_and_every_movement_is_kept(service: Service) -> None:
    service.product("TEA", stock=0)
    assert service.stock("TEA", 5).json == {"sku": "TEA", "on_hand": 5, "reserved": 0, "available": 5}
    service.placed(("TEA", 2))
    assert service.stock("TEA", -3).json == {"sku": "TEA", "on_hand": 2, "reserved": 2, "available": 0}
    moved = service.rows("SELECT delta, reason, actor FROM stock_movements ORDER BY id")
    assert [(row["delta"], row["actor"]) for row in moved] == [(5, "usr_keeper"), (-3, "usr_keeper")]
    assert service.events("TEA") == ["stock.replenished", "stock.depleted"]


def test_reserved_units_keep_their_ground(service: Service) -> None:
    service.product("TEA", stock=5)
    service.placed(("TEA", 4))
    response = service.stock("TEA", -2)
    assert code_of(response) == (409, "insufficient_stock")
    assert response.json["items"] == [{"sku": "TEA", "requested": 2, "available": 1}]
    assert service.level("TEA") == (5, 4)


def test_a_movement_of_nothing_is_refused_and_the_key_is_required(service: Service) -> None:
    service.product("TEA")
    assert code_of(service.stock("TEA", 0)) == (422, "validation_failed")
    body = {"delta": 1, "reason": "x"}
    assert code_of(service.call("POST", "/v1/products/TEA/stock", KEEPER, json=body, key=None)) == (
        400,
        "idempotency_key_required",
    )


def test_a_new_price_is_for_new_orders_alone(service: Service) -> None:
    service.product("TEA", price=1000)
    order = service.placed(("TEA", 1))
    service.product("TEA", price=2000, stock=0)
    assert service.order(order["id"])["total"]["amount"] == 1000
    assert service.placed(("TEA", 1))["total"]["amount"] == 2000
