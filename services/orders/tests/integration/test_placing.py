"""Placing orders: every row of the design's table, from 201 to 503."""

import pytest
from waybill_orders.repositories.order_desk import SqlOrderDesk

from .service import ADDRESS, ANN, BOB, Service, code_of

pytestmark = pytest.mark.integration


def test_a_placed_order_is_created_with_location_etag_and_full_body(service: Service) -> None:
    service.product("A", price=1999)
    service.product("B", price=5)
    response = service.place(("A", 2), ("B", 3), external_reference="PO-1")
    order = response.json
    assert response.status_code == 201
    assert response.headers["Location"] == f"/v1/orders/{order['id']}"
    assert response.headers["ETag"] == '"1"'
    assert response.headers["X-Request-Id"]
    assert order["status"] == "pending"
    assert (order["payment_status"], order["fulfillment_status"]) == ("none", "unfulfilled")
    assert order["total"] == {"amount": 2 * 1999 + 3 * 5, "currency": "EUR"}
    assert [line["total"]["amount"] for line in order["lines"]] == [3998, 15]
    assert order["customer_id"] == ANN
    assert order["channel"] == "web"
    assert order["external_reference"] == "PO-1"
    assert order["placed_at"].endswith("Z")
    assert len(order["placed_at"]) == len("2026-01-02T03:04:05.123456Z")
    assert service.order(order["id"]) == order
    assert service.level("A") == (100, 2)


def test_numbers_count_up_in_their_channel(service: Service) -> None:
    service.product("A")
    first, second = (int(service.placed(("A", 1))["number"]) for _ in range(2))
    assert second > first


def test_one_event_tells_of_the_order_without_address_note_and_reference(service: Service) -> None:
    service.product("A")
    order = service.placed(("A", 1), note="ring twice", external_reference="PO-7")
    [entry] = service.rows("SELECT * FROM event_log WHERE subject = :id", id=order["id"])
    assert (entry["type"], entry["sequence"], entry["actor"]) == ("orders.order.placed", 1, ANN)
    assert entry["data"]["version"] == 1
    assert entry["data"]["total"] == 1000
    assert entry["data"]["lines"][0]["quantity"] == 1
    assert entry["correlation_id"]
    assert entry["traceparent"]
    text = str(entry["data"])
    assert "ring twice" not in text
    assert "PO-7" not in text
    assert "Road 1" not in text
    assert service.count("outbox") >= 1


def test_an_order_that_owes_nothing_is_confirmed_at_once_and_never_expires(service: Service) -> None:
    service.product("FREE", price=0)
    order = service.placed(("FREE", 1))
    assert (order["status"], order["version"]) == ("confirmed", 2)
    assert service.events(order["id"]) == ["order.placed", "order.confirmed"]
    service.execute("UPDATE orders SET expires_at = now() - interval '1 hour'")
    assert service.expire() == 0


def test_two_lines_of_one_sku_claim_its_stock_together(service: Service) -> None:
    service.product("A", stock=3)
    response = service.place(("A", 2), ("A", 2))
    assert code_of(response) == (409, "insufficient_stock")
    assert response.json["items"] == [{"sku": "A", "requested": 4, "available": 3}]
    order = service.placed(("A", 2), ("A", 1))
    assert [line["quantity"] for line in order["lines"]] == [2, 1]
    assert service.level("A") == (3, 3)


def test_every_short_item_is_named_and_nothing_is_kept(service: Service) -> None:
    service.product("A", stock=5)
    service.product("B", stock=1)
    service.product("C", stock=0)
    response = service.place(("C", 1), ("B", 2), ("A", 5), key="k")
    assert code_of(response) == (409, "insufficient_stock")
    assert response.json["items"] == [
        {"sku": "B", "requested": 2, "available": 1},
        {"sku": "C", "requested": 1, "available": 0},
    ]
    assert service.level("A") == (5, 0)
    assert (service.count("orders"), service.count("order_lines")) == (0, 0)
    assert service.rows("SELECT * FROM idempotency WHERE key = 'k'") == []
    service.stock("B", 1)
    service.stock("C", 1)
    assert service.place(("C", 1), ("B", 2), ("A", 5), key="k").status_code == 201


def test_the_last_unit_sold_is_told_and_its_return_too(service: Service) -> None:
    service.product("A", stock=2)
    order = service.placed(("A", 2))
    service.call("POST", f"/v1/orders/{order['id']}/cancel", json={})
    assert service.events("A") == ["stock.replenished", "stock.depleted", "stock.replenished"]


def test_unknown_and_inactive_products_are_refused_with_a_pointer_each(service: Service) -> None:
    service.product("A")
    service.product("OLD")
    service.execute("UPDATE products SET active = false WHERE sku = 'OLD'")
    response = service.place(("NONE", 1), ("A", 1), ("OLD", 1))
    assert code_of(response) == (422, "validation_failed")
    assert [error["pointer"] for error in response.json["errors"]] == ["/lines/0/sku", "/lines/2/sku"]


def test_prices_in_two_currencies_do_not_mix(service: Service) -> None:
    service.product("A")
    service.product("Y", currency="JPY")
    assert code_of(service.place(("A", 1), ("Y", 1))) == (422, "currency_mismatch")
    expected = {"amount": 1000, "currency": "USD"}
    assert code_of(service.place(("A", 1), expected_total=expected)) == (422, "currency_mismatch")


def test_a_total_that_drifted_is_refused_with_both_figures(service: Service) -> None:
    service.product("A", price=1100)
    response = service.place(("A", 1), expected_total={"amount": 1000, "currency": "EUR"})
    assert code_of(response) == (409, "total_drift")
    assert response.json["expected_total"] == {"amount": 1000, "currency": "EUR"}
    assert response.json["current_total"] == {"amount": 1100, "currency": "EUR"}
    assert service.place(("A", 1), expected_total={"amount": 1100, "currency": "EUR"}).status_code == 201


def test_a_price_that_changes_between_reading_and_writing_is_read_again(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    service.product("A", price=1000)
    quote = SqlOrderDesk.quote

    def quote_before_the_change(desk: SqlOrderDesk, channel: str, skus: list[str]) -> object:
        found = quote(desk, channel, skus)
        service.execute("UPDATE products SET unit_price_minor = 1200 WHERE sku = 'A'")
        return found

    monkeypatch.setattr(SqlOrderDesk, "quote", quote_before_the_change)
    assert service.placed(("A", 1))["total"]["amount"] == 1200


def test_a_price_that_never_stands_still_is_a_conflict(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    service.product("A")
    quote = SqlOrderDesk.quote

    def quote_then_change(desk: SqlOrderDesk, channel: str, skus: list[str]) -> object:
        found = quote(desk, channel, skus)
        service.execute("UPDATE products SET unit_price_minor = unit_price_minor + 1")
        return found

    monkeypatch.setattr(SqlOrderDesk, "quote", quote_then_change)
    response = service.place(("A", 1))
    assert code_of(response) == (409, "price_changed")
    assert response.json["retryable"] is True
    assert service.count("orders") == 0


def test_an_external_reference_is_taken_once_by_each_customer(service: Service) -> None:
    service.product("A")
    service.placed(("A", 1), external_reference="PO-1")
    assert code_of(service.place(("A", 1), external_reference="PO-1")) == (409, "external_reference_taken")
    assert service.place(("A", 1), token=BOB, external_reference="PO-1").status_code == 201
    assert service.level("A") == (100, 2)


@pytest.mark.parametrize(
    ("body", "code", "status"),
    [
        ({}, "validation_failed", 422),
        ({"lines": [], "shipping_address": ADDRESS}, "validation_failed", 422),
        ({"lines": [{"sku": "A", "quantity": 0}], "shipping_address": ADDRESS}, "validation_failed", 422),
        ({"lines": [{"sku": "A", "quantity": "1"}], "shipping_address": ADDRESS}, "invalid_request", 400),
        ({"lines": [{"sku": "A", "quantity": 1.5}], "shipping_address": ADDRESS}, "invalid_request", 400),
        ({"lines": [{"sku": "A", "quantity": 1, "unit_price": 1}], "shipping_address": ADDRESS}, "unknown_field", 400),
        ({"lines": [{"sku": "A", "quantity": 1}], "shipping_address": ADDRESS, "total": 1}, "unknown_field", 400),
        ({"lines": [{"sku": "A", "quantity": 1}] * 101, "shipping_address": ADDRESS}, "validation_failed", 422),
        ({"lines": [{"sku": "'; DROP", "quantity": 1}], "shipping_address": ADDRESS}, "validation_failed", 422),
    ],
)
def test_a_wrong_body_is_refused_before_anything_happens(
    service: Service, body: dict[str, object], code: str, status: int
) -> None:
    assert code_of(service.call("POST", "/v1/orders", json=body)) == (status, code)
    assert service.count("idempotency") == 0


def test_all_faults_of_a_body_are_reported_together(service: Service) -> None:
    body = {"lines": [{"sku": "A", "quantity": 0}, {"sku": "", "quantity": 1}], "shipping_address": {"name": "x"}}
    response = service.call("POST", "/v1/orders", json=body)
    pointers = {error["pointer"] for error in response.json["errors"]}
    assert pointers >= {"/lines/0/quantity", "/lines/1/sku", "/shipping_address/city"}


def test_broken_large_and_foreign_bodies_have_their_own_status(service: Service) -> None:
    json = {"Content-Type": "application/json"}
    assert code_of(service.call("POST", "/v1/orders", data=b"{", headers=json)) == (400, "malformed_json")
    assert code_of(service.call("POST", "/v1/orders", data=b"{}", headers={"Content-Type": "text/plain"})) == (
        415,
        "unsupported_media_type",
    )
    assert code_of(service.call("POST", "/v1/orders", data=b" " * 20_000, headers=json)) == (413, "body_too_large")


def test_the_key_is_required_and_the_token_comes_first(service: Service) -> None:
    assert code_of(service.call("POST", "/v1/orders", json={}, key=None)) == (400, "idempotency_key_required")
    unknown = service.call("POST", "/v1/orders", None, json={}, key=None)
    assert code_of(unknown) == (401, "authentication_required")
    assert unknown.headers["WWW-Authenticate"].startswith("Bearer")
    assert code_of(service.call("POST", "/v1/orders", "svc_x", json={})) == (403, "insufficient_scope")


def test_a_total_that_json_cannot_hold_is_refused(service: Service) -> None:
    service.product("GOLD", price=9_007_199_254_740_991)
    assert code_of(service.place(("GOLD", 2))) == (422, "validation_failed")
    assert service.place(("GOLD", 1)).status_code == 201


def test_a_hundred_lines_of_the_longest_names_fit_into_one_event(service: Service) -> None:
    service.product("A" * 64)
    service.execute("UPDATE products SET name = :name", name="\N{GRINNING FACE}" * 100)
    order = service.placed(*[("A" * 64, 1)] * 100)
    assert len(order["lines"]) == 100


def test_a_busy_stock_row_answers_503_and_keeps_nothing(service: Service) -> None:
    service.product("A")
    with service.other_session() as cursor:
        cursor.execute("SELECT 1 FROM stock WHERE sku = 'A' FOR UPDATE")
        response = service.place(("A", 1), key="k")
    assert code_of(response) == (503, "busy")
    assert response.headers["Retry-After"]
    assert (service.count("orders"), service.rows("SELECT 1 FROM idempotency WHERE key = 'k'")) == (0, [])
    assert service.place(("A", 1), key="k").status_code == 201


def test_connections_that_died_in_the_pool_cost_no_request(service: Service) -> None:
    service.product("A")
    service.placed(("A", 1))
    with service.other_session() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    assert service.place(("A", 1)).status_code == 201
    assert service.count("orders") == 2
