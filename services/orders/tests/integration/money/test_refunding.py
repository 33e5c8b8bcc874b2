"""Refunds: amounts, lines, caps, parallel ones, and one whose answer was lost."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from .misbehaviour import Silent
from .shop import Shop, euros

pytestmark = pytest.mark.integration


def test_a_partial_refund_then_the_rest(shop: Shop) -> None:
    order_id, payment_id = shop.paid_order()
    part = shop.command(order_id, "refunds", {"amount": euros(700), "reason": "scratched"}, key="r1")
    assert (part.status_code, part.json["status"], part.json["payment_id"]) == (201, "succeeded", payment_id)
    assert shop.command(order_id, "refunds", {"amount": euros(700), "reason": "scratched"}, key="r1").data == part.data
    order = shop.order(order_id)
    assert (order["refunded"], order["payment_status"], order["status"]) == (
        euros(700),
        "partially_refunded",
        "confirmed",
    )
    rest = shop.command(order_id, "refunds", {"reason": "all of it"})
    assert (rest.status_code, rest.json["amount"]) == (201, euros(1300))
    assert shop.order(order_id)["payment_status"] == "refunded"
    assert shop.events(order_id)[3:] == ["refund.created", "refund.succeeded"] * 2
    assert shop.get(part.headers["Location"]).json == part.json
    assert len(shop.get(f"/v1/orders/{order_id}/refunds").json["data"]) == 2


def test_more_than_was_taken_is_never_given_back(shop: Shop) -> None:
    order_id, _ = shop.paid_order()
    too_much = shop.command(order_id, "refunds", {"amount": euros(2001), "reason": "greedy"})
    assert (too_much.status_code, too_much.json["code"], too_much.json["limit"]) == (
        409,
        "invalid_amount",
        euros(2000),
    )
    assert shop.command(order_id, "refunds", {"reason": "whole"}).status_code == 201
    assert shop.command(order_id, "refunds", {"amount": euros(1), "reason": "more"}).status_code == 409
    assert shop.command(order_id, "refunds", {"reason": "more"}).status_code == 409
    unpaid = shop.place()
    assert shop.command(unpaid, "refunds", {"reason": "nothing was paid"}).status_code == 409


def test_lines_are_refunded_at_what_they_cost(shop: Shop) -> None:
    order_id, _ = shop.paid_order(quantity=3)
    body = {"lines": [{"line": 1, "quantity": 2}], "reason": "two came broken"}
    assert shop.command(order_id, "refunds", body).json["amount"] == euros(2000)
    assert shop.command(order_id, "refunds", {**body, "amount": euros(1)}).status_code == 422
    wrong = {"lines": [{"line": 9, "quantity": 1}], "reason": "no such line"}
    assert shop.command(order_id, "refunds", wrong).json["code"] == "invalid_quantity"
    assert shop.command(order_id, "refunds", {"amount": euros(1)}).json["errors"][0]["pointer"] == "/reason"


def test_ten_refunds_at_once_stop_at_what_was_taken(shop: Shop) -> None:
    order_id, _ = shop.paid_order()
    with ThreadPoolExecutor(5) as pool:
        body = {"amount": euros(600), "reason": "storm"}
        answers = list(pool.map(lambda _: shop.command(order_id, "refunds", body), range(10)))
    assert sorted(answer.status_code for answer in answers) == [201] * 3 + [409] * 7
    assert shop.charges()[0]["refunded"] == euros(1800)


def test_a_refund_whose_answer_was_lost_is_pending_and_ends_once(shop: Shop) -> None:
    order_id, _ = shop.paid_order()
    sound, shop.gateway = shop.gateway, Silent(shop.gateway, after=True)
    pending = shop.command(order_id, "refunds", {"amount": euros(500), "reason": "slow"}, key="r1")
    assert (pending.status_code, pending.json["status"]) == (202, "pending")
    shop.gateway = sound
    over = shop.command(order_id, "refunds", {"amount": euros(1501), "reason": "reserved already"})
    assert (over.status_code, over.json["limit"]) == (409, euros(1500))
    shop.sweep()
    assert shop.get(pending.headers["Location"]).json["status"] == "succeeded"
    assert shop.charges()[0]["refunded"] == euros(500)
    assert shop.events(order_id)[3:] == ["refund.created", "refund.succeeded"]


def test_a_refund_the_gateway_refuses_is_told_as_failed(shop: Shop) -> None:
    order_id, _ = shop.paid_order()
    shop.post_to_gateway(f"/charges/{shop.charges()[0]['id']}/refund")  # given back behind our back
    failed = shop.command(order_id, "refunds", {"amount": euros(500), "reason": "twice"})
    assert (failed.status_code, failed.json["status"], failed.json["code"]) == (201, "failed", "charge_state")
    assert shop.events(order_id)[3:] == ["refund.created", "refund.failed"]
    assert shop.order(order_id)["refunded"] == euros(0)
    shop.gateway_was_touched = True


def test_a_refund_goes_to_one_payment(shop: Shop) -> None:
    order_id = shop.place()
    shop.pay(order_id, amount=euros(1500))
    second = shop.pay(order_id).json["id"]
    small = shop.command(order_id, "refunds", {"amount": euros(400), "reason": "newest that fits"})
    assert small.json["payment_id"] == second
    spanning = shop.command(order_id, "refunds", {"amount": euros(1600), "reason": "both"})
    assert (spanning.status_code, spanning.json["limit"]) == (409, euros(1500))
