"""Money and the end of an order: what is held or taken goes back once, whatever comes first."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from waybill_orders.use_cases.expire_orders import expire_orders
from waybill_orders.use_cases.return_money import Progress

from .misbehaviour import Crash, Crashing, Silent
from .shop import ANN, Shop, euros

pytestmark = pytest.mark.integration


def cancel(shop: Shop, order_id: str, **body: object) -> int:
    return int(shop.post(f"/v1/orders/{order_id}/cancel", body, who=ANN).status_code)


def test_a_paid_order_that_is_cancelled_is_refunded_once(shop: Shop) -> None:
    order_id, _ = shop.paid_order()
    assert cancel(shop, order_id) == 200
    assert shop.order(order_id)["payment_status"] == "paid"  # its 200 does not wait for the gateway
    assert shop.jobs("return_money") == 1
    assert shop.return_money(order_id) is Progress.DONE
    assert shop.return_money(order_id) is Progress.DONE
    order = shop.order(order_id)
    assert (order["status"], order["payment_status"], order["refunded"]) == ("canceled", "refunded", euros(2000))
    assert shop.events(order_id)[3:] == ["order.canceled", "refund.created", "refund.succeeded"]


def test_a_hold_is_voided_and_parts_of_a_capture_refunded(shop: Shop) -> None:
    order_id, payment_id = shop.paid_order(capture=False)
    shop.command(order_id, f"payments/{payment_id}/capture", {"amount": euros(500)})
    cancel(shop, order_id)
    assert shop.return_money(order_id) is Progress.DONE
    assert shop.events(order_id)[4:] == ["order.canceled", "payment.voided", "refund.created", "refund.succeeded"]
    [charge] = shop.charges()
    assert (charge["captured"], charge["refunded"], charge["released"]) == (euros(500), euros(500), euros(1500))


def test_cancelling_some_units_gives_their_price_back(shop: Shop) -> None:
    order_id, _ = shop.paid_order(quantity=3)
    assert cancel(shop, order_id, lines=[{"line": 1, "quantity": 1}]) == 200
    assert shop.return_money(order_id) is Progress.DONE
    order = shop.order(order_id)
    assert (order["status"], order["refunded"]) == ("confirmed", euros(1000))


@pytest.mark.parametrize("capture", [True, False])
@pytest.mark.parametrize("end", ["cancel", "expire"])
def test_money_that_lands_after_the_end_is_told_late_and_goes_back_once(shop: Shop, end: str, capture: bool) -> None:
    order_id = shop.place()
    pending = shop.pay(order_id, "tok_timeout", capture=capture)
    assert pending.status_code == 202
    assert cancel(shop, order_id) == 200 if end == "cancel" else shop.expire(order_id) == 1
    shop.sweep()
    order = shop.order(order_id)
    assert order["status"] == {"cancel": "canceled", "expire": "expired"}[end]
    assert shop.events(order_id)[-1] == "payment.late"
    assert shop.return_money(order_id) is Progress.DONE
    assert shop.return_money(order_id) is Progress.DONE
    gone = ["refund.created", "refund.succeeded"] if capture else ["payment.voided"]
    assert shop.events(order_id)[2:] == ["payment.late", *gone]
    [charge] = shop.charges()
    assert charge["refunded"] == (euros(2000) if capture else euros(0))
    assert charge["status"] == ("captured" if capture else "voided")
    assert shop.jobs("return_money") >= 1


def test_a_charge_that_never_reached_the_gateway_is_not_sent_once_the_order_has_ended(shop: Shop) -> None:
    order_id = shop.place()
    sound, shop.gateway = shop.gateway, Crashing(shop.gateway, after=False)
    with pytest.raises(Crash):
        shop.pay(order_id, key="dies")
    shop.gateway = sound
    cancel(shop, order_id)
    shop.sweep()
    assert shop.charges() == []
    assert shop.pay(order_id, key="dies").json["decline_code"] == "order_ended"


def test_a_cancel_while_a_capture_is_in_flight_gives_everything_back(shop: Shop) -> None:
    order_id, payment_id = shop.paid_order(capture=False)
    sound, shop.gateway = shop.gateway, Silent(shop.gateway, after=True)
    assert shop.command(order_id, f"payments/{payment_id}/capture").status_code == 202
    shop.gateway = sound
    assert cancel(shop, order_id) == 200
    assert shop.return_money(order_id) is Progress.WAITING
    shop.sweep()
    assert shop.events(order_id)[-1] == "payment.late"
    assert shop.return_money(order_id) is Progress.DONE
    [charge] = shop.charges()
    assert (charge["captured"], charge["refunded"]) == (euros(2000), euros(2000))


@pytest.mark.parametrize("after", [False, True], ids=["before the call", "after the call"])
@pytest.mark.parametrize("capture", [True, False], ids=["refund", "void"])
def test_a_return_that_dies_half_way_goes_on_and_returns_once(shop: Shop, capture: bool, after: bool) -> None:
    order_id, _ = shop.paid_order(capture=capture)
    cancel(shop, order_id)
    sound, shop.gateway = shop.gateway, Crashing(shop.gateway, after=after)
    with pytest.raises(Crash):
        shop.return_money(order_id)
    shop.gateway = sound
    shop.sweep()
    assert shop.return_money(order_id) is Progress.DONE
    [charge] = shop.charges()
    assert charge["refunded"] == (euros(2000) if capture else euros(0))
    assert charge["released"] == (euros(0) if capture else euros(2000))


def test_a_silent_gateway_makes_the_return_wait(shop: Shop) -> None:
    order_id, _ = shop.paid_order()
    cancel(shop, order_id)
    sound, shop.gateway = shop.gateway, Silent(shop.gateway, after=False)
    assert shop.return_money(order_id) is Progress.WAITING
    shop.gateway = sound
    shop.sweep()
    assert shop.return_money(order_id) is Progress.DONE
    assert shop.order(order_id)["payment_status"] == "refunded"


def test_an_attempt_given_up_whose_money_comes_after_another_paid_goes_back(shop: Shop) -> None:
    order_id = shop.place()
    sound, shop.gateway = shop.gateway, Silent(shop.gateway, after=False)
    pending = shop.pay(order_id)
    shop.gateway = sound
    lost = "UPDATE payments SET tries = 3 WHERE id = :id"
    shop.execute(lost, id=pending.json["id"])
    shop.sweep()
    assert shop.payment(order_id, pending.json["id"])["code"] == "gateway_timeout"
    assert shop.pay(order_id).status_code == 201
    # Only now does the network deliver the first request.
    reference = f"order:{order_id}:charge:1"
    body = {"amount": euros(2000), "token": "tok_approve", "reference": reference, "capture": True}
    shop.post_to_gateway("/charges", body, key=reference)
    shop.deliver_webhooks()
    order = shop.order(order_id)
    assert (order["status"], order["payment_status"]) == ("confirmed", "overpaid")
    assert shop.events(order_id)[-1] == "payment.late"
    assert shop.return_money(order_id) is Progress.DONE
    assert shop.payment(order_id, pending.json["id"])["refunded"] == euros(2000)
    assert shop.order(order_id)["refunded"] == euros(2000)


def test_units_cancelled_while_a_charge_is_in_flight_are_paid_back_when_it_lands(shop: Shop) -> None:
    order_id = shop.place()
    assert shop.pay(order_id, "tok_timeout").status_code == 202
    assert cancel(shop, order_id, lines=[{"line": 1, "quantity": 1}]) == 200
    assert shop.return_money(order_id) is Progress.DONE
    before = shop.jobs("return_money")
    shop.sweep()
    assert shop.events(order_id)[2:] == ["payment.captured", "order.confirmed"]
    assert shop.jobs("return_money") == before + 1
    assert shop.return_money(order_id) is Progress.DONE
    order = shop.order(order_id)
    assert (order["status"], order["captured"], order["refunded"]) == ("confirmed", euros(2000), euros(1000))


def test_paying_and_expiring_at_once_never_loses_money(shop: Shop) -> None:
    orders = [shop.place(1) for _ in range(10)]
    with ThreadPoolExecutor(6) as pool:
        paying = [pool.submit(shop.pay, order_id) for order_id in orders]
        expiring = [pool.submit(shop.expire, order_id) for order_id in orders]
        statuses = {order_id: future.result().status_code for order_id, future in zip(orders, paying, strict=True)}
        assert all(future.result() >= 0 for future in expiring)
    for order_id, status in statuses.items():
        shop.return_money(order_id)
        order = shop.order(order_id)
        if order["status"] == "expired":
            assert status in (201, 409)
            assert order["captured"] == order["refunded"]
        else:
            assert (status, order["status"], order["captured"]) == (201, "confirmed", euros(1000))
    assert shop.rows("SELECT reserved FROM stock")[0].reserved == sum(
        shop.order(order_id)["status"] == "confirmed" for order_id in orders
    )


def test_an_attempt_in_flight_holds_expiry_back_for_a_minute_and_no_longer(shop: Shop) -> None:
    order_id = shop.place()
    shop.pay(order_id, "tok_timeout_lost")
    shop.execute("UPDATE orders SET expires_at = now() - interval '1 second'")
    [row] = shop.rows("SELECT payment_pending_until - now() AS hold FROM orders")
    assert 0 < row.hold.total_seconds() <= 60
    assert expire_orders(shop.unit_of_work) == 0
    shop.execute("UPDATE orders SET payment_pending_until = now()")
    assert expire_orders(shop.unit_of_work) == 1


def test_attempts_one_after_another_keep_no_order_for_more_than_five_minutes_past_its_time(shop: Shop) -> None:
    order_id = shop.place()
    shop.execute("UPDATE orders SET expires_at = now() - interval '5 minutes'")
    assert shop.pay(order_id, "tok_timeout_lost").status_code == 202
    assert expire_orders(shop.unit_of_work) == 1


def test_an_order_that_holds_money_never_expires(shop: Shop) -> None:
    for part in ({"capture": True}, {"capture": False}):
        assert shop.pay(shop.place(), amount=euros(1), **part).status_code == 201
    shop.execute("UPDATE orders SET expires_at = now() - interval '1 hour', payment_pending_until = NULL")
    assert expire_orders(shop.unit_of_work) == 0
