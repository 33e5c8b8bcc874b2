"""Paying: every token of the gateway, amounts, keys, and who may."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from waybill_common.sessions import Connector, ConnectorOptions
from waybill_orders.gateways.sandbox_gateway import SandboxGateway
from waybill_testkit.waiting import eventually

from .shop import BOB, STAFF, Shop, euros

pytestmark = pytest.mark.integration


def test_an_approved_payment_confirms_the_order(shop: Shop) -> None:
    order_id = shop.place()
    answer = shop.pay(order_id)
    assert answer.status_code == 201
    assert (answer.json["status"], answer.json["captured"], answer.json["authorized"]) == (
        "captured",
        euros(2000),
        euros(0),
    )
    assert answer.headers["Location"] == f"/v1/orders/{order_id}/payments/{answer.json['id']}"
    order = shop.order(order_id)
    assert (order["status"], order["payment_status"], order["captured"]) == ("confirmed", "paid", euros(2000))
    assert answer.headers["ETag"] == f'"{order["version"]}"'
    assert shop.events(order_id) == ["order.placed", "payment.captured", "order.confirmed"]
    assert shop.payment(order_id, answer.json["id"]) == answer.json
    assert "tok_" not in answer.text


def test_an_authorization_confirms_and_holds(shop: Shop) -> None:
    order_id, payment_id = shop.paid_order(capture=False)
    assert shop.payment(order_id, payment_id)["authorized"] == euros(2000)
    order = shop.order(order_id)
    assert (order["status"], order["payment_status"], order["captured"]) == ("confirmed", "authorized", euros(0))
    assert shop.events(order_id)[1:] == ["payment.authorized", "order.confirmed"]


@pytest.mark.parametrize(
    ("token", "code"), [("tok_decline", "card_declined"), ("tok_insufficient_funds", "insufficient_funds")]
)
def test_a_declined_payment_is_recorded_and_another_may_follow(shop: Shop, token: str, code: str) -> None:
    order_id = shop.place()
    declined = shop.pay(order_id, token, key="k1")
    assert (declined.status_code, declined.json["code"], declined.json["decline_code"]) == (
        402,
        "payment_declined",
        code,
    )
    assert declined.content_type == "application/problem+json"
    again = shop.pay(order_id, token, key="k1")
    assert (again.status_code, again.data, again.headers["Idempotent-Replayed"]) == (402, declined.data, "true")
    assert shop.order(order_id)["status"] == "pending"
    assert shop.pay(order_id, key="k2").status_code == 201
    assert shop.events(order_id) == ["order.placed", "payment.failed", "payment.captured", "order.confirmed"]
    listed = shop.get(f"/v1/orders/{order_id}/payments").json["data"]
    assert [(payment["status"], payment["code"]) for payment in listed] == [("declined", code), ("captured", None)]


def test_a_charge_that_answers_too_late_is_pending_and_then_found(shop: Shop) -> None:
    order_id = shop.place()
    pending = shop.pay(order_id, "tok_timeout", key="slow")
    assert (pending.status_code, pending.json["status"]) == (202, "pending")
    assert shop.order(order_id)["status"] == "pending"
    shop.sweep()
    assert shop.payment(order_id, pending.json["id"])["status"] == "captured"
    assert shop.order(order_id)["status"] == "confirmed"
    replayed = shop.pay(order_id, "tok_timeout", key="slow")
    assert (replayed.status_code, replayed.data) == (202, pending.data)
    assert len(shop.charges()) == 1


def test_a_charge_that_was_lost_is_tried_again_and_then_given_up(shop: Shop) -> None:
    order_id = shop.place()
    pending = shop.pay(order_id, "tok_timeout_lost")
    assert pending.status_code == 202
    states = []
    for _ in range(3):
        shop.sweep()
        states.append(shop.payment(order_id, pending.json["id"])["status"])
    assert states == ["pending", "pending", "failed"]
    assert shop.payment(order_id, pending.json["id"])["code"] == "gateway_timeout"
    assert shop.charges() == []
    assert shop.events(order_id) == ["order.placed", "payment.failed"]
    assert shop.pay(order_id).status_code == 201


def test_an_asynchronous_charge_is_asked_for_when_no_webhook_comes(shop: Shop) -> None:
    order_id = shop.place()
    pending = shop.pay(order_id, "tok_async")
    assert pending.status_code == 202
    eventually(lambda: shop.charges()[0]["status"] == "captured")
    shop.sweep()
    assert shop.payment(order_id, pending.json["id"])["status"] == "captured"
    assert shop.events(order_id)[1:] == ["payment.captured", "order.confirmed"]


def test_a_flaky_gateway_charges_once(shop: Shop) -> None:
    order_id = shop.place()
    pending = shop.pay(order_id, "tok_flaky")
    assert pending.status_code == 202
    shop.sweep()
    shop.sweep()
    assert shop.payment(order_id, pending.json["id"])["status"] == "captured"
    assert len(shop.charges()) == 1


def test_a_patient_connector_gets_through_a_flaky_gateway_at_once(shop: Shop) -> None:
    bounds = ConnectorOptions(read_timeout=8, deadline_seconds=8)
    shop.gateway = SandboxGateway(Connector("gateway", shop.gateway_url, bounds))
    order_id = shop.place()
    assert shop.pay(order_id, "tok_flaky").status_code == 201
    assert len(shop.charges()) == 1


def test_a_token_the_gateway_does_not_know_fails_the_attempt(shop: Shop) -> None:
    order_id = shop.place()
    refused = shop.pay(order_id, "tok_gold")
    assert (refused.status_code, refused.json["code"], refused.json["decline_code"]) == (
        402,
        "payment_failed",
        "unknown_token",
    )


def test_an_order_may_be_paid_in_parts_and_never_beyond_what_is_outstanding(shop: Shop) -> None:
    order_id = shop.place()
    assert shop.pay(order_id, amount=euros(2001)).json["code"] == "invalid_amount"
    assert shop.pay(order_id, amount={"amount": 5, "currency": "USD"}).status_code == 422
    assert shop.pay(order_id, amount=euros(500)).status_code == 201
    order = shop.order(order_id)
    assert (order["status"], order["payment_status"]) == ("pending", "partially_paid")
    too_much = shop.pay(order_id, amount=euros(1501))
    assert (too_much.status_code, too_much.json["limit"]) == (409, euros(1500))
    assert shop.pay(order_id).json["amount"] == euros(1500)
    assert shop.order(order_id)["status"] == "confirmed"
    assert shop.pay(order_id).json["code"] == "nothing_due"


def test_a_second_payment_waits_for_the_one_in_flight(shop: Shop) -> None:
    order_id = shop.place()
    pending = shop.pay(order_id, "tok_timeout")
    busy = shop.pay(order_id)
    assert (busy.status_code, busy.json["code"], busy.json["payment_id"]) == (
        409,
        "payment_in_progress",
        pending.json["id"],
    )
    assert busy.headers["Retry-After"] == "1"


def test_twelve_payments_at_once_charge_once(shop: Shop) -> None:
    order_id = shop.place()
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda number: shop.pay(order_id, key=f"k{number}"), range(12)))
    assert sorted(answer.status_code for answer in answers).count(201) == 1
    assert {answer.json["code"] for answer in answers if answer.status_code != 201} <= {
        "payment_in_progress",
        "nothing_due",
    }
    assert len(shop.charges()) == 1


def test_one_key_many_times_at_once_charges_once_and_answers_alike(shop: Shop) -> None:
    order_id = shop.place()
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda _: shop.pay(order_id, key="one"), range(12)))
    busy = [answer for answer in answers if answer.status_code == 409]
    assert {answer.json["code"] for answer in busy} <= {"idempotency_in_progress"}
    final = [shop.pay(order_id, key="one") for _ in busy] + [answer for answer in answers if answer not in busy]
    assert {(answer.status_code, answer.data, answer.headers["ETag"]) for answer in final} == {
        (201, final[0].data, final[0].headers["ETag"])
    }
    assert len(shop.charges()) == 1
    assert shop.pay(order_id, "tok_decline", key="one").json["code"] == "idempotency_key_reused"


def test_nobody_pays_or_sees_what_is_not_theirs(shop: Shop) -> None:
    order_id, payment_id = shop.paid_order()
    body = {"method": {"type": "sandbox", "token": "tok_approve"}}
    assert shop.post(f"/v1/orders/{order_id}/payments", body, who=BOB).status_code == 404
    for path in (f"payments/{payment_id}", "payments", "refunds", "refunds/rfd_1", "fulfillments/ful_1"):
        assert shop.get(f"/v1/orders/{order_id}/{path}", who=BOB).json["code"] == "order_not_found"
    for path in (f"payments/{payment_id}/capture", f"payments/{payment_id}/void", "refunds", "fulfillments"):
        assert shop.post(f"/v1/orders/{order_id}/{path}", {}).status_code == 403
    assert shop.get(f"/v1/orders/{order_id}/payments/{payment_id}", who=STAFF).status_code == 200
    assert shop.get(f"/v1/orders/{order_id}/payments/pay_none").json["code"] == "payment_not_found"


def test_bodies_are_read_strictly(shop: Shop) -> None:
    order_id = shop.place()
    path = f"/v1/orders/{order_id}/payments"
    assert shop.post(path, {"method": {"type": "sandbox"}}).status_code == 422
    assert shop.post(path, {"method": {"type": "gold", "token": "tok_approve"}}).status_code == 422
    assert shop.pay(order_id, tip=1).json["code"] == "unknown_field"
    assert shop.pay(order_id, amount=euros(0)).json["code"] == "invalid_amount"
    assert shop.charges() == []


def test_an_order_that_has_ended_takes_no_payment(shop: Shop) -> None:
    order_id = shop.place()
    assert shop.command(order_id, "cancel", {}).status_code == 200
    refused = shop.pay(order_id)
    assert (refused.status_code, refused.json["code"], refused.json["from"]) == (409, "invalid_transition", "canceled")
