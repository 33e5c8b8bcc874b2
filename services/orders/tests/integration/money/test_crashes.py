"""A process that dies between the two transactions: the sweeper ends what it began, once, and answers its key."""

from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa
from waybill_orders.use_cases.gateway_calls import Told
from waybill_orders.use_cases.settlement import settle_command

from .misbehaviour import Away, Crash, Crashing
from .shop import Shop, euros

pytestmark = pytest.mark.integration
WINDOWS = pytest.mark.parametrize("after", [False, True], ids=["before the call", "after the call"])


@WINDOWS
def test_a_payment_is_ended_once_by_the_sweeper(shop: Shop, after: bool) -> None:
    order_id = shop.place()
    sound, shop.gateway = shop.gateway, Crashing(shop.gateway, after=after)
    with pytest.raises(Crash):
        shop.pay(order_id, key="dies")
    shop.gateway = sound
    twin = shop.pay(order_id, key="dies")
    assert (twin.status_code, twin.json["code"], twin.headers["Retry-After"]) == (409, "idempotency_in_progress", "1")
    assert shop.sweep() == 1
    assert shop.sweep() == 0
    answer = shop.pay(order_id, key="dies")
    assert (answer.status_code, answer.json["status"], answer.headers["Idempotent-Replayed"]) == (
        201,
        "captured",
        "true",
    )
    assert answer.headers["ETag"] == f'"{shop.order(order_id)["version"]}"'
    assert len(shop.charges()) == 1
    assert shop.events(order_id) == ["order.placed", "payment.captured", "order.confirmed"]


@WINDOWS
def test_a_decline_is_told_under_its_key_by_the_sweeper(shop: Shop, after: bool) -> None:
    order_id = shop.place()
    sound, shop.gateway = shop.gateway, Crashing(shop.gateway, after=after)
    with pytest.raises(Crash):
        shop.pay(order_id, "tok_decline", key="dies")
    shop.gateway = sound
    shop.sweep()
    answer = shop.pay(order_id, "tok_decline", key="dies")
    assert (answer.status_code, answer.json["code"]) == (402, "payment_declined")
    assert len(shop.charges()) == 1


@WINDOWS
@pytest.mark.parametrize("command", ["capture", "void"])
def test_a_capture_or_void_is_ended_once_by_the_sweeper(shop: Shop, command: str, after: bool) -> None:
    order_id, payment_id = shop.paid_order(capture=False)
    path = f"payments/{payment_id}/{command}"
    sound, shop.gateway = shop.gateway, Crashing(shop.gateway, after=after)
    with pytest.raises(Crash):
        shop.command(order_id, path, {}, key="dies")
    shop.gateway = sound
    assert shop.command(order_id, path, {}, key="other").json["code"] == "payment_in_progress"
    shop.sweep()
    shop.sweep()
    answer = shop.command(order_id, path, {}, key="dies")
    assert (answer.status_code, answer.headers["Idempotent-Replayed"]) == (200, "true")
    assert answer.json["status"] == {"capture": "captured", "void": "voided"}[command]
    assert shop.events(order_id)[3:] == [f"payment.{command}d" if command == "capture" else "payment.voided"]


@WINDOWS
def test_a_refund_is_ended_once_by_the_sweeper(shop: Shop, after: bool) -> None:
    order_id, _ = shop.paid_order()
    body = {"amount": euros(300), "reason": "dies"}
    sound, shop.gateway = shop.gateway, Crashing(shop.gateway, after=after)
    with pytest.raises(Crash):
        shop.command(order_id, "refunds", body, key="dies")
    shop.gateway = sound
    shop.sweep()
    shop.sweep()
    answer = shop.command(order_id, "refunds", body, key="dies")
    assert (answer.status_code, answer.json["status"]) == (201, "succeeded")
    assert shop.charges()[0]["refunded"] == euros(300)
    assert shop.events(order_id)[3:] == ["refund.created", "refund.succeeded"]


def test_a_sweeper_that_dies_too_leaves_it_to_the_next(shop: Shop) -> None:
    order_id = shop.place()
    sound = shop.gateway
    shop.gateway = Crashing(sound, after=False)
    with pytest.raises(Crash):
        shop.pay(order_id, key="dies")
    shop.gateway = Crashing(sound, after=True)
    with pytest.raises(Crash):
        shop.sweep()
    shop.gateway = sound
    shop.sweep()
    assert shop.pay(order_id, key="dies").status_code == 201
    assert len(shop.charges()) == 1


def test_four_sweepers_at_once_end_everything_once(shop: Shop) -> None:
    orders = [shop.place(1) for _ in range(8)]
    sound, shop.gateway = shop.gateway, Crashing(shop.gateway, after=True)
    for order_id in orders:
        with pytest.raises(Crash):
            shop.pay(order_id)
    shop.gateway = sound
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: shop.sweep(), range(4)))
    for order_id in orders:
        assert shop.events(order_id) == ["order.placed", "payment.captured", "order.confirmed"]
    assert len(shop.charges()) == len(orders)


def test_a_gateway_that_is_away_for_long_costs_no_tries(shop: Shop) -> None:
    order_id = shop.place()
    sound, shop.gateway = shop.gateway, Away()
    pending = shop.pay(order_id)
    assert pending.status_code == 202
    for _ in range(5):
        shop.sweep()
    shop.gateway = sound
    shop.sweep()
    assert shop.payment(order_id, pending.json["id"])["status"] == "captured"
    assert len(shop.charges()) == 1


def test_a_settlement_that_finds_the_database_busy_is_left_to_the_sweeper(shop: Shop) -> None:
    order_id = shop.place()
    sound = shop.gateway

    with shop.engine.connect() as other:

        class Busy(Crashing):
            """Answers, and by then somebody else holds the order's row for longer than a statement waits."""

            def __getattr__(self, name: str):  # type: ignore[no-untyped-def]
                def charge(payment):  # type: ignore[no-untyped-def]
                    other.execute(sa.text("SELECT 1 FROM orders WHERE id = :id FOR UPDATE"), {"id": order_id})
                    return sound.charge(payment)

                return charge

        shop.gateway = Busy(sound, after=True)
        busy = shop.pay(order_id, key="busy")
    assert (busy.status_code, "Retry-After" in busy.headers) == (503, True)
    shop.gateway = sound
    assert shop.pay(order_id, key="busy").json["code"] == "idempotency_in_progress"
    shop.sweep()
    assert shop.pay(order_id, key="busy").status_code == 201
    assert len(shop.charges()) == 1


def test_a_process_that_wakes_after_it_was_taken_over_changes_nothing_twice(shop: Shop) -> None:
    order_id = shop.place()
    sound = shop.gateway

    class Stopped(Crashing):
        """Stands still after the call, long enough for the sweeper to have ended everything."""

        def __getattr__(self, name: str):  # type: ignore[no-untyped-def]
            if name != "charge":
                return getattr(sound, name)

            def charge(payment):  # type: ignore[no-untyped-def]
                facts = sound.charge(payment)
                shop.gateway = sound
                assert shop.sweep() == 1
                return facts

            return charge

    shop.gateway = Stopped(sound, after=True)
    answer = shop.pay(order_id, key="slow")
    assert (answer.status_code, answer.headers["Idempotent-Replayed"]) == (201, "true")
    assert shop.events(order_id) == ["order.placed", "payment.captured", "order.confirmed"]


def test_an_answer_that_comes_after_its_command_was_ended_does_not_end_the_next_one(shop: Shop) -> None:
    order_id, payment_id = shop.paid_order(capture=False)
    path, sound = f"payments/{payment_id}/capture", shop.gateway
    shop.gateway = Crashing(sound, after=True)
    with pytest.raises(Crash):
        shop.command(order_id, path, {"amount": euros(500)}, key="slow")
    with shop.unit_of_work() as work:
        slow = work.payments.get(order_id, payment_id)
    shop.gateway = sound
    shop.sweep()
    shop.gateway = Crashing(sound, after=False)
    with pytest.raises(Crash):
        shop.command(order_id, path, {"amount": euros(700)}, key="next")
    facts = sound.find(slow.reference)
    assert facts is not None
    with shop.unit_of_work() as work:
        assert settle_command(work, slow, Told(facts), shop.answers, "late") is None
    shop.gateway = sound
    assert shop.command(order_id, path, {"amount": euros(700)}, key="next").json["code"] == "idempotency_in_progress"
    shop.sweep()
    assert shop.command(order_id, path, {"amount": euros(700)}, key="next").json["captured"] == euros(1200)
