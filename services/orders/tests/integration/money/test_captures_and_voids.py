"""Captures and voids: whole, in parts, repeated, too much, and while another is in flight."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from .shop import Shop, euros

pytestmark = pytest.mark.integration


def test_a_hold_is_captured_in_parts_and_never_beyond_it(shop: Shop) -> None:
    order_id, payment_id = shop.paid_order(capture=False)
    path = f"payments/{payment_id}/capture"
    part = shop.command(order_id, path, {"amount": euros(500)}, key="c1")
    assert (part.status_code, part.json["captured"], part.json["authorized"]) == (200, euros(500), euros(1500))
    again = shop.command(order_id, path, {"amount": euros(500)}, key="c1")
    assert (again.data, again.headers["ETag"]) == (part.data, part.headers["ETag"])
    too_much = shop.command(order_id, path, {"amount": euros(1501)})
    assert (too_much.status_code, too_much.json["code"], too_much.json["limit"]) == (
        409,
        "invalid_amount",
        euros(1500),
    )
    assert shop.order(order_id)["payment_status"] == "partially_paid"
    rest = shop.command(order_id, path)
    assert (rest.status_code, rest.json["captured"], rest.json["authorized"]) == (200, euros(2000), euros(0))
    assert shop.order(order_id)["payment_status"] == "paid"
    assert shop.events(order_id) == [
        "order.placed",
        "payment.authorized",
        "order.confirmed",
        "payment.captured",
        "payment.captured",
    ]


def test_capturing_what_is_captured_changes_nothing(shop: Shop) -> None:
    order_id, payment_id = shop.paid_order()
    version = shop.order(order_id)["version"]
    again = shop.command(order_id, f"payments/{payment_id}/capture")
    assert (again.status_code, again.json["captured"]) == (200, euros(2000))
    assert shop.order(order_id)["version"] == version
    assert shop.command(order_id, f"payments/{payment_id}/capture", {"amount": euros(1)}).status_code == 409


def test_a_void_releases_the_hold_once(shop: Shop) -> None:
    order_id, payment_id = shop.paid_order(capture=False)
    voided = shop.command(order_id, f"payments/{payment_id}/void", {})
    assert (voided.status_code, voided.json["status"], voided.json["authorized"]) == (200, "voided", euros(0))
    assert shop.command(order_id, f"payments/{payment_id}/void", {}).status_code == 200
    assert shop.events(order_id)[3:] == ["payment.voided"]
    assert shop.order(order_id)["payment_status"] == "voided"
    assert shop.command(order_id, f"payments/{payment_id}/capture").json["code"] == "invalid_transition"


def test_what_was_captured_is_not_voided_but_the_rest_is(shop: Shop) -> None:
    order_id, payment_id = shop.paid_order(capture=False)
    shop.command(order_id, f"payments/{payment_id}/capture", {"amount": euros(300)})
    voided = shop.command(order_id, f"payments/{payment_id}/void", {})
    assert (voided.json["status"], voided.json["captured"], voided.json["authorized"]) == (
        "captured",
        euros(300),
        euros(0),
    )
    refused = shop.command(order_id, f"payments/{payment_id}/void", {})
    assert (refused.status_code, refused.json["code"]) == (409, "invalid_transition")
    assert shop.charges()[0]["released"] == euros(1700)


def test_ten_captures_at_once_take_what_is_held_and_no_more(shop: Shop) -> None:
    order_id, payment_id = shop.paid_order(capture=False)
    with ThreadPoolExecutor(5) as pool:
        answers = list(
            pool.map(
                lambda _: shop.command(order_id, f"payments/{payment_id}/capture", {"amount": euros(700)}), range(10)
            )
        )
    taken = sum(answer.status_code == 200 for answer in answers)
    assert 1 <= taken <= 2
    assert {answer.json["code"] for answer in answers if answer.status_code != 200} <= {
        "payment_in_progress",
        "invalid_amount",
    }
    assert shop.charges()[0]["captured"] == euros(700 * taken)


def test_a_refusal_of_the_gateway_is_recorded_and_ends_the_command(shop: Shop) -> None:
    order_id, payment_id = shop.paid_order(capture=False)
    charge_id = shop.charges()[0]["id"]
    path = f"/v1/orders/{order_id}/payments/{payment_id}"
    before = shop.get(path)
    assert shop.get(path, **{"If-None-Match": before.headers["ETag"]}).status_code == 304
    # Somebody voids at the gateway itself; its refusal comes before any fact about it.
    shop.post_to_gateway(f"/charges/{charge_id}/void")
    refused = shop.command(order_id, f"payments/{payment_id}/capture", key="c1")
    assert (refused.status_code, refused.json["code"], refused.json["decline_code"]) == (
        402,
        "payment_failed",
        "charge_state",
    )
    assert shop.command(order_id, f"payments/{payment_id}/capture", key="c1").data == refused.data
    changed = shop.get(path, **{"If-None-Match": before.headers["ETag"]})
    assert (changed.status_code, changed.json["code"]) == (200, "charge_state")
    shop.deliver_webhooks()
    assert shop.payment(order_id, payment_id)["status"] == "voided"
