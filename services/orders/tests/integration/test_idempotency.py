"""Idempotency keys: one effect, equal answers, whatever comes twice and when."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from waybill_orders.repositories.retention import Retention

from .service import ADDRESS, ANN, BOB, Service, code_of

pytestmark = pytest.mark.integration


def answer_of(response) -> tuple[int, bytes, str | None, str | None]:
    return response.status_code, response.data, response.headers.get("Location"), response.headers.get("ETag")


def test_fifty_equal_requests_at_once_make_one_order_and_get_fifty_equal_answers(service: Service) -> None:
    service.product("A")
    together = threading.Barrier(50)

    def place(_number: int):
        together.wait()
        while True:
            response = service.place(("A", 2), key="same")
            if response.status_code not in {409, 503}:
                return response
            # As a client would: the first one still runs, or 50 callers had to wait too long for 16 connections.
            assert code_of(response) in {(409, "idempotency_in_progress"), (503, "database_unavailable")}
            time.sleep(int(response.headers["Retry-After"]))

    with ThreadPoolExecutor(50) as pool:
        responses = list(pool.map(place, range(50)))
    assert len({answer_of(response) for response in responses}) == 1
    assert responses[0].status_code == 201
    assert sum("Idempotent-Replayed" not in response.headers for response in responses) == 1
    assert service.level("A") == (100, 2)
    assert (service.count("orders"), service.count("order_lines")) == (1, 1)
    assert service.events(responses[0].json["id"]) == ["order.placed"]


def test_a_replay_works_after_a_restart_and_says_so(service: Service) -> None:
    service.product("A")
    first = service.place(("A", 1), key="k")
    another_pod = Service(service.url)
    again = another_pod.place(("A", 1), key="k")
    another_pod.close()
    assert answer_of(again) == answer_of(first)
    assert again.headers["Idempotent-Replayed"] == "true"
    assert "Idempotent-Replayed" not in first.headers


def test_a_replay_is_answered_even_when_the_wish_would_be_refused_today(service: Service) -> None:
    service.product("A", stock=1)
    first = service.place(("A", 1), key="k")
    service.execute("UPDATE products SET active = false")
    assert answer_of(service.place(("A", 1), key="k")) == answer_of(first)


def test_the_same_key_for_another_body_is_refused(service: Service) -> None:
    service.product("A")
    service.place(("A", 1), key="k")
    assert code_of(service.place(("A", 2), key="k")) == (422, "idempotency_key_reused")
    assert code_of(service.place(("NONE", 1), key="k")) == (422, "idempotency_key_reused")
    assert service.count("orders") == 1


def test_the_order_of_members_and_white_space_do_not_make_another_body(service: Service) -> None:
    service.product("A")
    first = service.place(("A", 1), key="k")
    body = (
        b'{ "shipping_address": {"country":"DE","city":"Bonn","line1":"Road 1","name":"Ann"},'
        b' "lines": [ {"quantity": 1, "sku": "A"} ] }'
    )
    again = service.call("POST", "/v1/orders", data=body, key="k", headers={"Content-Type": "application/json"})
    assert answer_of(again) == answer_of(first)


def test_bare_and_quoted_keys_are_the_same_key(service: Service) -> None:
    service.product("A")
    assert answer_of(service.place(("A", 1), key="k")) == answer_of(service.place(("A", 1), key='"k"'))


@pytest.mark.parametrize("key", ["", "\u00e4", "x" * 256, "a\tb"])
def test_a_key_of_other_signs_or_length_is_refused(service: Service, key: str) -> None:
    assert code_of(service.place(("A", 1), key=key or '""')) == (400, "invalid_idempotency_key")


def test_two_customers_may_use_the_same_key(service: Service) -> None:
    service.product("A")
    assert service.placed(("A", 1), key="k")["customer_id"] == ANN
    assert service.placed(("A", 1), token=BOB, key="k")["customer_id"] == BOB


def test_one_key_on_two_routes_is_two_keys(service: Service) -> None:
    service.product("A")
    order = service.placed(("A", 1), key="k")
    assert service.call("POST", f"/v1/orders/{order['id']}/cancel", json={}, key="k").status_code == 200


def test_one_key_for_two_orders_of_one_route_is_refused(service: Service) -> None:
    service.product("A")
    first, second = service.placed(("A", 1)), service.placed(("A", 1))
    assert service.call("POST", f"/v1/orders/{first['id']}/cancel", json={}, key="k").status_code == 200
    refused = service.call("POST", f"/v1/orders/{second['id']}/cancel", json={}, key="k")
    assert code_of(refused) == (422, "idempotency_key_reused")


def test_a_key_that_stays_in_flight_is_answered_with_409_after_a_second(service: Service) -> None:
    service.product("A")
    with service.other_session() as cursor:
        cursor.execute(
            "INSERT INTO idempotency (scope, key, fingerprint) VALUES (%s, 'k', %s)",
            (f"{ANN} POST /v1/orders", b"x"),
        )
        assert code_of(service.place(("A", 1), key="k")) == (409, "idempotency_in_progress")
    assert service.place(("A", 1), key="k").status_code == 201  # the twin rolled back, so this one runs


def test_the_answer_is_kept_as_it_was_sent(service: Service) -> None:
    service.product("A")
    response = service.place(("A", 1), key="k")
    [row] = service.rows("SELECT * FROM idempotency WHERE key = 'k'")
    kept = (row["status"], bytes(row["body"]), row["location"], row["etag"])
    assert kept == answer_of(response)


def test_other_keyed_commands_replay_their_answers_too(service: Service) -> None:
    service.product("A")
    order = service.placed(("A", 2))
    calls = [
        ("/v1/products/A/stock", {"delta": 5, "reason": "x"}, "usr_k stock:write"),
        (f"/v1/orders/{order['id']}/notes", {"text": "hello"}, ANN),
        (f"/v1/orders/{order['id']}/cancel", {"lines": [{"line": 1, "quantity": 1}]}, ANN),
    ]
    for path, body, token in calls:
        first, again = (service.call("POST", path, token, json=body, key="k") for _ in range(2))
        assert answer_of(first) == answer_of(again)
        assert again.headers["Idempotent-Replayed"] == "true"
    assert service.level("A") == (105, 1)
    assert service.events(order["id"]) == ["order.placed", "order.note_added", "order.edited"]


def test_old_keys_are_removed_in_batches_and_natural_keys_still_protect(service: Service) -> None:
    service.product("A")
    service.place(("A", 1), key="old", external_reference="PO-1")
    service.execute("UPDATE idempotency SET created_at = now() - interval '8 days'")
    service.place(("A", 1), key="new")
    retention = Retention(service.engine, key_days=7, job_days=30)
    assert retention.remove_keys() is False
    assert [row["key"] for row in service.rows("SELECT key FROM idempotency WHERE scope LIKE 'usr_ann%'")] == ["new"]
    again = service.place(("A", 1), key="old", external_reference="PO-1")
    assert code_of(again) == (409, "external_reference_taken")


def test_a_get_ignores_the_key(service: Service) -> None:
    service.product("A")
    order = service.placed(("A", 1))
    assert service.call("GET", f"/v1/orders/{order['id']}", key="k").status_code == 200
    assert order["shipping_address"] == ADDRESS
