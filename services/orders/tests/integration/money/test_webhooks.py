"""Webhooks in: signed, once, in any order, parked when they are not ours, refused when they are forged or old."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from waybill_common.clock import utc_now
from waybill_testkit.waiting import eventually

from .misbehaviour import Crash, Crashing
from .shop import Shop, euros

pytestmark = pytest.mark.integration


def test_an_asynchronous_payment_is_confirmed_by_webhook(shop: Shop) -> None:
    order_id = shop.place()
    pending = shop.pay(order_id, "tok_async")
    assert pending.status_code == 202
    eventually(lambda: shop.charges()[0]["status"] == "captured")
    assert shop.deliver_webhooks() == ["applied", "applied"]
    assert shop.payment(order_id, pending.json["id"])["status"] == "captured"
    assert shop.events(order_id)[1:] == ["payment.captured", "order.confirmed"]
    assert shop.sweep() == 0


def test_duplicates_are_answered_and_change_nothing(shop: Shop) -> None:
    order_id, _ = shop.paid_order()
    assert shop.deliver_webhooks() == ["applied"]
    assert shop.deliver_webhooks() == ["duplicate"]
    assert shop.events(order_id) == ["order.placed", "payment.captured", "order.confirmed"]


def test_facts_may_come_in_any_order(shop: Shop) -> None:
    order_id, payment_id = shop.paid_order(capture=False)
    shop.command(order_id, f"payments/{payment_id}/capture", {"amount": euros(500)})
    shop.command(order_id, f"payments/{payment_id}/capture", {"amount": euros(700)})
    before = shop.events(order_id)
    assert shop.deliver_webhooks(newest_first=True) == ["applied"] * 3
    assert shop.events(order_id) == before
    assert shop.payment(order_id, payment_id)["captured"] == euros(1200)


@pytest.mark.parametrize("newest_first", [False, True])
def test_webhooks_alone_tell_the_whole_story(shop: Shop, newest_first: bool) -> None:
    order_id = shop.place()
    sound, shop.gateway = shop.gateway, Crashing(shop.gateway, after=True)
    with pytest.raises(Crash):
        shop.pay(order_id, key="dies", capture=False)
    shop.gateway = sound
    shop.post_to_gateway(f"/charges/{shop.charges()[0]['id']}/capture", {"amount": euros(800)})
    shop.deliver_webhooks(newest_first=newest_first)
    [payment] = shop.get(f"/v1/orders/{order_id}/payments").json["data"]
    assert (payment["status"], payment["captured"], payment["authorized"]) == ("captured", euros(800), euros(1200))
    assert set(shop.events(order_id)) == {"order.placed", "payment.authorized", "payment.captured", "order.confirmed"}
    assert shop.pay(order_id, key="dies", capture=False).json["code"] == "idempotency_in_progress"
    shop.sweep()
    assert shop.pay(order_id, key="dies", capture=False).status_code == 201


def test_what_belongs_to_no_payment_is_parked(shop: Shop) -> None:
    body = {"amount": euros(1000), "token": "tok_approve", "reference": "order:ord_none:charge:1", "capture": True}
    shop.post_to_gateway("/charges", body)
    assert shop.deliver_webhooks() == ["parked"]
    [row] = shop.rows("SELECT parked, reference FROM gateway_events")
    assert (row.parked, row.reference) == (True, "order:ord_none:charge:1")
    assert shop.hook(b'{"type": "payout.sent", "data": {}}', event_id="msg_other").json == {"status": "parked"}


def test_a_forged_or_old_or_broken_webhook_is_refused(shop: Shop) -> None:
    body = b'{"type": "charge.captured", "data": {}}'
    refusals: list[Callable[[], Any]] = [
        lambda: shop.hook(body, secret="whsec_" + "A" * 32),
        lambda: shop.hook(body, at=utc_now() - timedelta(seconds=301)),
        lambda: shop.hook(body, at=utc_now() + timedelta(seconds=301)),
        lambda: shop.hook(body, sent=body.replace(b"captured", b"declined")),
        lambda: shop.hook(body, headers={"webhook-signature": "v1"}),
        lambda: shop.hook(body, headers={"webhook-signature": "v1,?"}),
        lambda: shop.hook(body, headers={"webhook-timestamp": "soon"}),
        lambda: shop.hook(body, headers={"webhook-id": ""}),
        lambda: shop.hook(b"not json"),
        lambda: shop.hook(b"[]"),
        lambda: shop.app.test_client().post("/v1/webhooks/payments/sandbox", data=body),
    ]
    for refusal in refusals:
        answer = refusal()
        assert (answer.status_code, answer.json["code"]) == (401, "invalid_signature")
        assert "WWW-Authenticate" in answer.headers
    assert shop.rows("SELECT * FROM gateway_events") == []
    assert shop.hook(body, at=utc_now() - timedelta(seconds=290)).status_code == 200


def test_a_failing_database_is_told_so_that_the_gateway_sends_again(shop: Shop) -> None:
    order_id, _ = shop.paid_order()
    shop.execute("ALTER TABLE gateway_events RENAME TO gone")
    assert shop.deliver_webhooks() == ["internal_error"]
    shop.execute("ALTER TABLE gone RENAME TO gateway_events")
    assert shop.deliver_webhooks() == ["applied"]
    assert shop.order(order_id)["status"] == "confirmed"


def test_the_signature_is_over_the_raw_body(shop: Shop) -> None:
    charge = {
        "id": "chg_1",
        "reference": "r",
        "status": "captured",
        "captured": euros(1),
        "refunded": euros(0),
        "released": euros(0),
    }
    spaced = json.dumps({"type": "charge.captured", "data": charge}, indent=3).encode()
    assert shop.hook(spaced, event_id="msg_spaced").json == {"status": "parked"}
    assert shop.hook(spaced, sent=spaced + b" ").status_code == 401
