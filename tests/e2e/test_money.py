"""Payments that succeed, fail, wait and come back."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from waybill_testkit.waiting import eventually

pytestmark = pytest.mark.e2e


def _settled(kim, order, status):
    return eventually(lambda: (now := kim.order(order))["payment_status"] == status and now, within_seconds=60)


@pytest.mark.parametrize("token", ["tok_decline", "tok_insufficient_funds"])
def test_a_declined_card_is_told_and_another_one_still_pays(kim, mailbox, product, token):
    order = kim.place({product(): 1}).expect(201).json
    refused = kim.pay(order, token).expect(402)
    assert refused.headers["Content-Type"].startswith("application/problem+json")
    assert kim.order(order)["payment_status"] == "none"
    kim.pay(order).expect(201)
    assert kim.events(order) == [
        "orders.order.placed",
        "orders.payment.failed",
        "orders.payment.captured",
        "orders.order.confirmed",
    ]
    mailbox.wait(kim.email, 4)  # verify, placed, failed, paid


def test_a_payment_that_settles_later_is_accepted_and_then_confirmed(kim, product):
    order = kim.place({product(): 1}).expect(201).json
    accepted = kim.pay(order, "tok_async").expect(202)
    assert accepted.headers["Location"]
    _settled(kim, order, "paid")
    assert kim.events(order)[-2:] == ["orders.payment.captured", "orders.order.confirmed"]


def test_a_gateway_that_fails_twice_is_asked_again(kim, product):
    order = kim.place({product(): 1}).expect(201).json
    kim.pay(order, "tok_flaky").expect(201, 202)
    _settled(kim, order, "paid")


def test_a_gateway_that_answers_too_late_is_asked_what_became_of_it(kim, product):
    sku = product(price=2500)
    charged, lost = (kim.place({sku: 1}).expect(201).json for _ in range(2))
    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(kim.pay, (charged, lost), ("tok_timeout", "tok_timeout_lost")))
    answers[0].expect(201, 202)  # 201 when the sweeper has asked before the caller's patience ended
    answers[1].expect(202, 402, 503)
    assert _settled(kim, charged, "paid")["captured"]["amount"] == 2500
    attempts = f"/v1/orders/{lost['id']}/payments"
    eventually(lambda: kim.get("orders", attempts).json["data"][0]["status"] == "failed", within_seconds=120)
    assert kim.order(lost)["payment_status"] == "none"
    kim.pay(lost).expect(201)


def test_authorized_money_is_captured_by_the_staff(kim, staff, product):
    order = kim.place({product(price=2000): 1}).expect(201).json
    payment = kim.pay(order, capture=False).expect(201).json
    assert kim.order(order)["payment_status"] == "authorized"
    staff.do(f"POST /v1/orders/{order['id']}/payments/{payment['id']}/capture", {}).expect(200)
    assert kim.order(order)["captured"]["amount"] == 2000


def test_authorized_money_is_let_go(kim, staff, product):
    order = kim.place({product(): 1}).expect(201).json
    payment = kim.pay(order, capture=False).expect(201).json
    staff.do(f"POST /v1/orders/{order['id']}/payments/{payment['id']}/void", {}).expect(200)
    assert kim.order(order)["payment_status"] in ("voided", "none")


def test_part_of_the_money_comes_back_and_never_more_than_was_paid(kim, staff, mailbox, product):
    order = kim.place({product(price=3000): 1}).expect(201).json
    kim.pay(order).expect(201)
    back = {"amount": {"amount": 1000, "currency": "EUR"}, "reason": "a scratch"}
    staff.do(f"POST /v1/orders/{order['id']}/refunds", back).expect(201)
    now = _settled(kim, order, "partially_refunded")
    assert now["refunded"]["amount"] == 1000
    too_much = {"amount": {"amount": 2001, "currency": "EUR"}, "reason": "greed"}
    staff.do(f"POST /v1/orders/{order['id']}/refunds", too_much).expect(409, 422)
    mailbox.wait(kim.email, 4)  # verify, placed, paid, refunded


def test_a_canceled_order_gives_back_stock_and_money(kim, api, mailbox, product):
    sku = product(stock=3)
    order = kim.place({sku: 3}).expect(201).json
    kim.pay(order).expect(201)
    route = f"POST /v1/orders/{order['id']}/cancel"
    assert kim.do(route, {"reason": "changed my mind"}).expect(200).json["status"] == "canceled"
    kim.do(route, {"reason": "changed my mind"}).expect(200)
    _settled(kim, order, "refunded")
    assert api.call("orders", f"GET /v1/products/{sku}").json["available"] == 3
    assert kim.events(order).count("orders.order.canceled") == 1
    mailbox.wait(kim.email, 5)  # verify, placed, paid, canceled, refunded


def test_an_unpaid_order_expires_and_gives_back_its_stock(kim, api, platform, mailbox, product, sql):
    sku = product(stock=1)
    order = kim.place({sku: 1}).expect(201).json
    sql("orders", "UPDATE orders SET expires_at = now() - interval '1 second' WHERE id = %s", order["id"])
    eventually(lambda: kim.order(order)["status"] == "expired", within_seconds=90)
    assert api.call("orders", f"GET /v1/products/{sku}").json["available"] == 1
    mailbox.wait(kim.email, 3)  # verify, placed, expired
    assert kim.pay(order).status == 409


def test_the_invariants_hold(platform, kim, sql):
    """`orders audit` prints no rows."""
    import subprocess
    import sys

    environment = {"PATH": "/usr/bin:/bin", "WAYBILL_ORDERS_DATABASE_URL": platform.database_url("orders")}
    audit = subprocess.run(
        [sys.executable, "-m", "waybill_orders", "audit"], env=environment, capture_output=True, text=True, check=False
    )
    assert audit.returncode == 0, audit.stdout + audit.stderr
