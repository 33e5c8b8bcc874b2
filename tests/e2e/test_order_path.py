"""From sign-up to the last mail, on one process and on the real ones."""

import pytest
from waybill_testkit.waiting import eventually

pytestmark = pytest.mark.e2e


def test_an_order_goes_from_sign_up_to_delivered_with_each_mail_once(kim, staff, mailbox, product):
    mug, tea = product(price=1290), product(price=1850)
    placed = kim.place({mug: 2, tea: 1}).expect(201)
    order = placed.json
    assert placed.headers["Location"].endswith(f"/v1/orders/{order['id']}")
    assert placed.headers["ETag"] == f'"{order["version"]}"'
    assert order["total"] == {"amount": 4430, "currency": "EUR"}
    assert (order["status"], order["payment_status"], order["fulfillment_status"]) == ("pending", "none", "unfulfilled")

    kim.pay(order).expect(201)
    paid = kim.order(order)
    assert (paid["status"], paid["payment_status"]) == ("confirmed", "paid")

    etag = f'"{paid["version"]}"'
    parcel = {"carrier": "An Post", "tracking_number": "WB123456789IE"}
    route = f"POST /v1/orders/{order['id']}/fulfillments"
    staff.do(route, parcel, if_match=etag).expect(201)
    staff.do(route, parcel, if_match=etag).expect(412)
    shipped = kim.order(order)
    assert shipped["fulfillment_status"] == "fulfilled"
    staff.do(f"{route}/{shipped['fulfillments'][0]['id']}/deliver", {}).expect(200)

    done = kim.order(order)
    assert (done["status"], done["fulfillment_status"]) == ("completed", "delivered")
    assert kim.events(order) == [
        "orders.order.placed",
        "orders.payment.captured",
        "orders.order.confirmed",
        "orders.fulfillment.shipped",
        "orders.fulfillment.delivered",
        "orders.order.completed",
    ]
    mails = mailbox.wait(kim.email, 5)  # verify, placed, paid, shipped, delivered
    assert len({mail["message_id"] for mail in mails}) == 5
    assert any("WB123456789IE" in mail["text"] for mail in mails)
    # A mail is in the box a moment before its worker has written that down.
    eventually(lambda: _states(staff, order) == ["sent"] * 4)


def _states(staff, order):
    deliveries = staff.get("notifier", f"/v1/deliveries?order_id={order['id']}").expect(200).json["data"]
    return [delivery["state"] for delivery in deliveries]


def test_stock_is_reserved_then_taken(kim, staff, api, product):
    sku = product(stock=5)
    order = kim.place({sku: 3}).expect(201).json
    assert api.call("orders", f"GET /v1/products/{sku}").expect(200).json["available"] == 2
    refused = kim.place({sku: 3}).expect(409)
    assert refused.code == "insufficient_stock"
    assert refused.json["items"] == [{"sku": sku, "requested": 3, "available": 2}]
    kim.pay(order).expect(201)
    staff.do(f"POST /v1/orders/{order['id']}/fulfillments", {}, if_match=f'"{kim.order(order)["version"]}"').expect(201)
    counts = staff.stock(sku, 1).expect(200).json
    assert (counts["on_hand"], counts["reserved"], counts["available"]) == (3, 0, 3)


def test_a_note_of_the_customer_is_public_and_one_of_the_staff_need_not_be(kim, staff, product):
    order = kim.place({product(): 1}).expect(201).json
    route = f"/v1/orders/{order['id']}/notes"
    kim.call("orders", f"POST {route}", {"text": "Leave it at the door", "public": True}).expect(201)
    staff.call("orders", f"POST {route}", {"text": "Talks a lot", "public": False}).expect(201)
    assert [note["text"] for note in kim.get("orders", route).json["data"]] == ["Leave it at the door"]
    assert len(staff.get("orders", route).json["data"]) == 2
    assert "Talks a lot" not in str(kim.get("orders", f"/v1/orders/{order['id']}/timeline").json)


def test_a_read_knows_what_has_not_changed(kim, product):
    order = kim.place({product(): 1}).expect(201)
    path = f"GET /v1/orders/{order.json['id']}"
    unchanged = kim.call("orders", path, If_None_Match=order.headers["ETag"]).expect(304)
    assert unchanged.body == b""


def test_pages_of_orders_neither_repeat_nor_skip(kim, product):
    sku = product()
    placed = {kim.place({sku: 1}).expect(201).json["id"] for _ in range(5)}
    seen, cursor = [], ""
    while True:
        page = kim.get("orders", f"/v1/orders?limit=2{cursor}").expect(200).json
        seen += [order["id"] for order in page["data"]]
        if not page["has_more"]:
            break
        cursor = f"&cursor={page['next_cursor']}"
    assert len(seen) == 5
    assert set(seen) == placed


def test_a_shipment_without_its_precondition_is_refused(kim, staff, product):
    order = kim.place({product(): 1}).expect(201).json
    kim.pay(order).expect(201)
    staff.do(f"POST /v1/orders/{order['id']}/fulfillments", {}).expect(428)
