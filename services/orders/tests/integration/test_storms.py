"""Many at once: stock is never oversold, and of two opposite commands one wins."""

import random
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
from waybill_orders.domain.change import Happening, change
from waybill_orders.domain.errors import InvalidTransitionError, VersionMismatchError

from .service import Service, code_of

pytestmark = pytest.mark.integration


def test_two_hundred_units_are_sold_once_each_to_four_hundred_buyers(service: Service) -> None:
    service.product("HOT", stock=200)

    def buy(number: int) -> int:
        return service.place(("HOT", 1), token=f"usr_{number % 20}").status_code

    with ThreadPoolExecutor(16) as pool:
        statuses = Counter(pool.map(buy, range(400)))
    assert statuses == {201: 200, 409: 200}
    assert service.level("HOT") == (200, 200)


def test_orders_of_many_lines_in_any_order_neither_oversell_nor_lock_each_other(service: Service) -> None:
    skus = [f"S{number}" for number in range(6)]
    for sku in skus:
        service.product(sku, stock=60)
    wishes = random.Random(7)
    carts = [[(sku, wishes.randint(1, 3)) for sku in wishes.sample(skus, wishes.randint(1, 5))] for _ in range(200)]
    with ThreadPoolExecutor(12) as pool:
        responses = list(pool.map(lambda cart: service.place(*cart), carts))
    assert {response.status_code for response in responses} == {201, 409}
    sold = Counter()
    for cart, response in zip(carts, responses, strict=True):
        if response.status_code == 201:
            for sku, quantity in cart:
                sold[sku] += quantity
        else:
            assert code_of(response) == (409, "insufficient_stock")
    assert {sku: service.level(sku)[1] for sku in skus} == {sku: sold[sku] for sku in skus}
    assert all(units <= 60 for units in sold.values())


def test_placing_cancelling_and_expiring_together_give_every_unit_back_once(service: Service) -> None:
    for sku in ("A", "B"):
        service.product(sku, stock=40)
    chance = random.Random(11)

    def live(number: int) -> None:
        response = service.place(("B", 1), ("A", 2), token=f"usr_{number}")
        if response.status_code != 201:
            return
        path = f"/v1/orders/{response.json['id']}/cancel"
        deed = chance.randrange(3)
        if deed == 0:
            assert service.call("POST", path, f"usr_{number}", json={}).status_code == 200
        elif deed == 1:
            body = {"lines": [{"line": 2, "quantity": 1}]}
            assert service.call("POST", path, f"usr_{number}", json=body).status_code == 200
        else:
            service.execute("UPDATE orders SET expires_at = now() WHERE id = :id", id=response.json["id"])
            service.expire()
            service.call("POST", path, f"usr_{number}", json={})

    with ThreadPoolExecutor(10) as pool:
        list(pool.map(live, range(120)))
    assert service.audit() == []
    service.execute("UPDATE orders SET expires_at = now()")
    while service.expire():
        pass
    assert (service.level("A"), service.level("B")) == ((40, 0), (40, 0))


def test_of_cancel_and_expiry_at_the_same_moment_exactly_one_wins(service: Service) -> None:
    service.product("A", stock=30)
    for _ in range(15):
        order = service.placed(("A", 2))
        service.execute("UPDATE orders SET expires_at = now() WHERE id = :id", id=order["id"])
        together = threading.Barrier(2)

        def cancel(order_id: str = order["id"], together: threading.Barrier = together):
            together.wait()
            return service.call("POST", f"/v1/orders/{order_id}/cancel", json={})

        def expire(together: threading.Barrier = together) -> int:
            together.wait()
            return service.expire()

        with ThreadPoolExecutor(2) as pool:
            canceled, expired = pool.submit(cancel), pool.submit(expire)
            response, count = canceled.result(), expired.result()
        assert (response.status_code, count) in {(200, 0), (409, 1)}
        if count:
            assert code_of(response) == (409, "invalid_transition")
            assert (response.json["from"], response.json["to"], response.json["allowed"]) == ("expired", "canceled", [])
        assert service.level("A") == (30, 0)


def test_a_change_from_a_version_that_is_gone_is_refused_by_the_write_itself(service: Service) -> None:
    service.product("A")
    order_id = service.placed(("A", 1))["id"]
    with service.foundation.unit_of_work() as work:
        stale = work.orders.lock(order_id)
    service.call("POST", f"/v1/orders/{order_id}/notes", json={"text": "in between"})
    with pytest.raises(VersionMismatchError) as refused, service.foundation.unit_of_work() as work:
        work.orders.record_change(change(stale, stale, [Happening("order.edited")], actor="t", at=work.now()))
    assert refused.value.current_version == 2
    assert service.events(order_id) == ["order.placed", "order.note_added"]


def test_five_cancels_of_one_order_make_one_event(service: Service) -> None:
    service.product("A")
    order_id = service.placed(("A", 3))["id"]
    with ThreadPoolExecutor(5) as pool:
        responses = list(pool.map(lambda _: service.call("POST", f"/v1/orders/{order_id}/cancel", json={}), range(5)))
    assert [response.status_code for response in responses] == [200] * 5
    assert {response.headers["ETag"] for response in responses} == {'"2"'}
    assert service.events(order_id) == ["order.placed", "order.canceled"]
    assert service.level("A") == (100, 0)
    assert InvalidTransitionError.code == "invalid_transition"
