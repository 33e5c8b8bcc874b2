"""Parcels: partial shipments, stock, conditions, delivery, completion, and a race with cancelling."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from .shop import ANN, Shop, euros

pytestmark = pytest.mark.integration


def stock(shop: Shop) -> tuple[int, int]:
    [row] = shop.rows("SELECT on_hand, reserved FROM stock WHERE sku = 'TEA'")
    return row.on_hand, row.reserved


def test_shipping_takes_the_units_out_of_stock(shop: Shop) -> None:
    order_id, _ = shop.paid_order()
    answer = shop.ship(order_id)
    assert answer.status_code == 201
    assert (answer.json["status"], answer.json["lines"], answer.json["carrier"]) == (
        "shipped",
        [{"line": 1, "quantity": 2}],
        "DHL",
    )
    assert stock(shop) == (98, 0)
    order = shop.order(order_id)
    assert (order["fulfillment_status"], order["lines"][0]["quantity_shipped"]) == ("fulfilled", 2)
    assert order["fulfillments"][0]["id"] == answer.json["id"]
    assert answer.headers["ETag"] == f'"{order["version"]}"'
    assert shop.get(answer.headers["Location"]).json == answer.json
    assert shop.rows("SELECT delta, reason FROM stock_movements WHERE order_id = :id", id=order_id) == [(-2, "shipped")]


def test_an_order_leaves_in_parts_and_completes_with_the_last_delivery(shop: Shop) -> None:
    order_id, _ = shop.paid_order(quantity=2, lines=2)
    first = shop.ship(order_id, (1, 2), (2, 1)).json["id"]
    assert shop.order(order_id)["fulfillment_status"] == "partial"
    assert shop.ship(order_id, (1, 1)).json["code"] == "invalid_quantity"
    second = shop.ship(order_id).json
    assert second["lines"] == [{"line": 2, "quantity": 1}]
    assert shop.ship(order_id).json["code"] == "invalid_transition"
    delivered = shop.command(order_id, f"fulfillments/{first}/deliver", {})
    assert (delivered.status_code, delivered.json["status"]) == (200, "delivered")
    assert shop.order(order_id)["status"] == "confirmed"
    assert shop.command(order_id, f"fulfillments/{second['id']}/deliver", {}).status_code == 200
    order = shop.order(order_id)
    assert (order["status"], order["fulfillment_status"]) == ("completed", "delivered")
    assert shop.events(order_id)[3:] == [
        "fulfillment.shipped",
        "fulfillment.shipped",
        "fulfillment.delivered",
        "fulfillment.delivered",
        "order.completed",
    ]
    again = shop.command(order_id, f"fulfillments/{first}/deliver", {})
    assert (again.status_code, again.json["status"]) == (200, "delivered")
    assert shop.order(order_id)["version"] == order["version"]
    assert shop.command(order_id, "fulfillments/ful_none/deliver", {}).json["code"] == "fulfillment_not_found"


def test_a_delivered_order_completes_when_its_hold_is_captured(shop: Shop) -> None:
    order_id, payment_id = shop.paid_order(capture=False)
    parcel = shop.ship(order_id).json["id"]
    shop.command(order_id, f"fulfillments/{parcel}/deliver", {})
    assert shop.order(order_id)["status"] == "confirmed"
    shop.command(order_id, f"payments/{payment_id}/capture")
    assert shop.order(order_id)["status"] == "completed"
    assert shop.events(order_id)[-2:] == ["payment.captured", "order.completed"]
    assert shop.command(order_id, "refunds", {"amount": euros(100), "reason": "kind"}).status_code == 201
    assert shop.order(order_id)["status"] == "completed"


def test_shipping_asks_for_the_version_that_was_seen(shop: Shop) -> None:
    order_id, _ = shop.paid_order()
    missing = shop.command(order_id, "fulfillments", {})
    assert (missing.status_code, missing.json["code"]) == (428, "if_match_required")
    stale = shop.ship(order_id, version=1)
    assert (stale.status_code, stale.headers["ETag"]) == (412, f'"{shop.order(order_id)["version"]}"')
    weak = shop.command(order_id, "fulfillments", {}, **{"If-Match": f'W/"{shop.order(order_id)["version"]}"'})
    assert weak.status_code == 412
    shipped = shop.ship(order_id, key="s1")
    replayed = shop.ship(order_id, version=1, key="s1")
    assert (replayed.status_code, replayed.data) == (201, shipped.data)
    other, _ = shop.paid_order()
    assert shop.command(other, "fulfillments", {}, **{"If-Match": "*"}).status_code == 201


def test_only_a_confirmed_and_covered_order_is_shipped(shop: Shop) -> None:
    unpaid = shop.place()
    refused = shop.ship(unpaid)
    assert (refused.status_code, refused.json["code"], refused.json["from"]) == (409, "invalid_transition", "pending")
    order_id, payment_id = shop.paid_order(capture=False)
    shop.command(order_id, f"payments/{payment_id}/void", {})
    assert shop.ship(order_id).json["code"] == "invalid_transition"
    assert stock(shop) == (100, 4)


def test_lines_are_checked_all_at_once(shop: Shop) -> None:
    order_id, _ = shop.paid_order()
    unknown = shop.ship(order_id, (7, 1), (8, 1))
    assert (unknown.status_code, [error["pointer"] for error in unknown.json["errors"]]) == (
        422,
        ["/lines/0/line", "/lines/1/line"],
    )
    assert shop.ship(order_id, (1, 1), (1, 1)).json["errors"][0]["code"] == "repeated_line"
    assert shop.ship(order_id, (1, 3)).json["code"] == "invalid_quantity"


def test_shipping_and_cancelling_at_once_have_one_winner(shop: Shop) -> None:
    orders = [shop.paid_order(quantity=1)[0] for _ in range(8)]
    versions = {order_id: shop.order(order_id)["version"] for order_id in orders}
    with ThreadPoolExecutor(6) as pool:
        shipping = {order_id: pool.submit(shop.ship, order_id, version=versions[order_id]) for order_id in orders}
        canceling = {
            order_id: pool.submit(shop.post, f"/v1/orders/{order_id}/cancel", {}, who=ANN) for order_id in orders
        }
    shipped = 0
    for order_id in orders:
        statuses = (shipping[order_id].result().status_code, canceling[order_id].result().status_code)
        assert statuses in {(201, 409), (412, 200), (409, 200)}
        shipped += statuses[0] == 201
        shop.return_money(order_id)
    assert stock(shop) == (100 - shipped, 0)


def test_two_parcels_at_once_never_hold_the_same_unit(shop: Shop) -> None:
    order_id, _ = shop.paid_order(quantity=3)
    with ThreadPoolExecutor(4) as pool:
        answers = list(
            pool.map(
                lambda _: shop.command(
                    order_id, "fulfillments", {"lines": [{"line": 1, "quantity": 2}]}, **{"If-Match": "*"}
                ),
                range(4),
            )
        )
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409]
    assert stock(shop) == (98, 1)
