"""Cancelling orders and lines, and the expiry of what is not paid."""

import pytest
from waybill_common.jobs import Done, JobRun

from .service import Service, code_of

pytestmark = pytest.mark.integration


def cancel(service: Service, order_id: str, **body):
    return service.call("POST", f"/v1/orders/{order_id}/cancel", json=body)


def test_cancelling_gives_back_the_stock_and_commits_status_event_and_money_job_together(service: Service) -> None:
    service.product("A")
    service.product("B")
    order_id = service.placed(("A", 2), ("B", 1), ("A", 1))["id"]
    response = cancel(service, order_id, reason="too late")
    order = response.json
    assert (response.status_code, response.headers["ETag"]) == (200, '"2"')
    assert order["status"] == "canceled"
    assert [line["quantity_canceled"] for line in order["lines"]] == [2, 1, 1]
    assert (service.level("A"), service.level("B")) == ((100, 0), (100, 0))
    [job] = service.rows("SELECT lane, kind, payload FROM job WHERE kind = 'return_money'")
    assert (job["lane"], job["payload"]["order_id"]) == (f"money:{order_id}", order_id)
    [entry] = service.rows("SELECT data FROM event_log WHERE type = 'orders.order.canceled'")
    assert entry["data"]["reason"] == "too late"
    assert service.order(order_id) == order


def test_cancelling_again_is_answered_as_it_is_without_an_event(service: Service) -> None:
    service.product("A")
    order_id = service.placed(("A", 1))["id"]
    first, second = cancel(service, order_id), cancel(service, order_id)
    assert (second.status_code, second.json) == (200, first.json)
    assert service.events(order_id) == ["order.placed", "order.canceled"]


def test_cancelling_some_units_edits_the_order_and_keeps_its_total(service: Service) -> None:
    service.product("A")
    service.product("B")
    order = service.placed(("A", 3), ("B", 1))
    response = cancel(service, order["id"], lines=[{"line": 1, "quantity": 2}])
    edited = response.json
    assert (edited["status"], edited["version"], edited["total"]) == ("pending", 2, order["total"])
    assert [line["quantity_canceled"] for line in edited["lines"]] == [2, 0]
    assert service.level("A") == (100, 1)
    assert service.events(order["id"]) == ["order.placed", "order.edited"]
    [row] = service.rows("SELECT due_minor FROM orders")
    assert row["due_minor"] == 2000


def test_cancelling_the_last_units_cancels_the_order(service: Service) -> None:
    service.product("A")
    order_id = service.placed(("A", 2))["id"]
    cancel(service, order_id, lines=[{"line": 1, "quantity": 1}])
    assert cancel(service, order_id, lines=[{"line": 1, "quantity": 1}]).json["status"] == "canceled"
    assert service.events(order_id) == ["order.placed", "order.edited", "order.canceled"]


def test_more_units_than_are_open_and_unknown_lines_are_refused(service: Service) -> None:
    service.product("A")
    order_id = service.placed(("A", 2), ("A", 1))["id"]
    response = cancel(service, order_id, lines=[{"line": 1, "quantity": 3}])
    assert code_of(response) == (409, "invalid_quantity")
    assert (response.json["line"], response.json["requested"], response.json["remaining"]) == (1, 3, 2)
    twice = cancel(service, order_id, lines=[{"line": 1, "quantity": 2}, {"line": 1, "quantity": 1}])
    assert code_of(twice) == (409, "invalid_quantity")
    unknown = cancel(service, order_id, lines=[{"line": 9, "quantity": 1}])
    assert code_of(unknown) == (422, "validation_failed")
    assert unknown.json["errors"][0]["pointer"] == "/lines/0/line"
    assert service.order(order_id)["version"] == 1


def test_an_expired_order_cannot_be_cancelled(service: Service) -> None:
    service.product("A")
    order_id = service.placed(("A", 1))["id"]
    service.execute("UPDATE orders SET expires_at = now()")
    assert service.expire() == 1
    for body in ({}, {"lines": [{"line": 1, "quantity": 1}]}):
        response = cancel(service, order_id, **body)
        assert code_of(response) == (409, "invalid_transition")
        assert (response.json["from"], response.json["to"], response.json["allowed"]) == ("expired", "canceled", [])


def test_an_order_expires_at_its_time_by_the_databases_clock(service: Service) -> None:
    service.product("A")
    order = service.placed(("A", 2))
    assert service.expire() == 0
    assert service.rows("SELECT expires_at - placed_at = interval '30 minutes' AS ok FROM orders")[0]["ok"]
    service.execute("UPDATE orders SET expires_at = now()")
    assert service.expire() == 1
    expired = service.order(order["id"])
    assert (expired["status"], expired["version"]) == ("expired", 2)
    assert service.events(order["id"]) == ["order.placed", "order.expired"]
    assert service.level("A") == (100, 0)
    assert service.expire() == 0


def test_the_channels_own_time_to_pay_goes_before_the_settings(service: Service) -> None:
    service.product("A")
    service.execute("UPDATE channels SET expiry_minutes = 5")
    service.placed(("A", 1))
    assert service.rows("SELECT expires_at - placed_at = interval '5 minutes' AS ok FROM orders")[0]["ok"]


@pytest.mark.parametrize(
    "state",
    [
        "authorized_minor = 1, payment_status = 'authorized'",
        "captured_minor = 1, payment_status = 'partially_paid'",
        "payment_pending_until = now() + interval '1 minute'",
        "status = 'confirmed'",
    ],
)
def test_what_is_paid_or_being_paid_does_not_expire(service: Service, state: str) -> None:
    service.product("A")
    service.placed(("A", 1))
    service.execute(f"UPDATE orders SET expires_at = now(), {state}")
    assert service.expire() == 0
    reset = "status = 'pending', payment_status = 'none', authorized_minor = 0, captured_minor = 0"
    service.execute(f"UPDATE orders SET {reset}, payment_pending_until = now()")
    assert service.expire() == 1


def test_an_order_that_is_being_paid_at_this_moment_is_skipped(service: Service) -> None:
    service.product("A")
    first, second = service.placed(("A", 1)), service.placed(("A", 1))
    service.execute("UPDATE orders SET expires_at = now()")
    with service.other_session() as cursor:
        cursor.execute("SELECT 1 FROM orders WHERE id = %s FOR UPDATE", (first["id"],))
        assert service.expire() == 1
    assert service.order(first["id"])["status"] == "pending"
    assert service.order(second["id"])["status"] == "expired"


def test_the_job_expires_batch_after_batch_until_none_is_left(service: Service) -> None:
    service.product("A", stock=1000)
    for _ in range(205):
        service.placed(("A", 1))
    service.execute("UPDATE orders SET expires_at = now() - interval '1 minute'")
    [at] = service.rows("SELECT now() AS now")
    run = JobRun(1, "recurring:expire_orders", "expire_orders", {}, 1, "token", at["now"], 5.0)
    assert service.jobs()["expire_orders"](run) == Done()
    assert service.level("A") == (1000, 0)
    assert {row["status"] for row in service.rows("SELECT status FROM orders")} == {"expired"}


def test_shipped_units_stay_and_the_whole_order_cannot_be_cancelled(service: Service) -> None:
    service.product("A", price=0)  # nothing is owed, so it may be shipped at once
    order_id = service.placed(("A", 3))["id"]
    ship(service, order_id, 1)
    response = cancel(service, order_id)
    assert code_of(response) == (409, "invalid_transition")
    assert "canceled" not in response.json["allowed"]
    assert cancel(service, order_id, lines=[{"line": 1, "quantity": 3}]).status_code == 409
    rest = cancel(service, order_id, lines=[{"line": 1, "quantity": 2}])
    assert (rest.status_code, rest.json["fulfillment_status"]) == (200, "fulfilled")
    assert service.level("A") == (99, 0)


def ship(service: Service, order_id: str, units: int) -> None:
    tag = {"If-Match": service.call("GET", f"/v1/orders/{order_id}").headers["ETag"]}
    body = {"lines": [{"line": 1, "quantity": units}]}
    shipper = "usr_shipper orders:ship orders:read:all"
    shipped = service.call("POST", f"/v1/orders/{order_id}/fulfillments", shipper, json=body, headers=tag)
    assert shipped.status_code == 201, shipped.text
