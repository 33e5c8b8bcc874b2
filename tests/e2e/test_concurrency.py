"""Many at once: one effect per key, and never more sold than there is."""

import secrets
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.e2e.client import Person, new_key, sign_up

pytestmark = pytest.mark.e2e


def _until_final(send):
    """An answer that is not "in progress": a client waits as it is told and asks again with the same key."""
    while True:
        answer = send()
        if answer.code != "idempotency_in_progress" and answer.status != 503:
            return answer
        time.sleep(float(answer.headers.get("Retry-After", "1")))


def test_fifty_equal_requests_have_one_effect_and_one_answer(kim, api, product, sql):
    sku, key = product(stock=10), new_key()
    start = threading.Barrier(50)

    def send(_number):
        start.wait()
        return _until_final(lambda: kim.place({sku: 2}, key=key))

    with ThreadPoolExecutor(50) as pool:
        answers = list(pool.map(send, range(50)))
    assert {answer.status for answer in answers} == {201}
    assert len({answer.body for answer in answers}) == 1
    assert len({answer.headers["Location"] for answer in answers}) == 1
    assert len({answer.headers["ETag"] for answer in answers}) == 1
    assert len(kim.get("orders", "/v1/orders").json["data"]) == 1
    assert api.call("orders", f"GET /v1/products/{sku}").json["available"] == 8
    assert kim.events(answers[0].json) == ["orders.order.placed"]


def test_a_key_with_another_body_is_refused(kim, product):
    sku, key = product(), new_key()
    kim.place({sku: 1}, key=key).expect(201)
    assert kim.place({sku: 2}, key=key).expect(422).code == "idempotency_key_reused"


def test_a_replay_says_that_it_is_one(kim, product):
    sku, key = product(), new_key()
    first = kim.place({sku: 1}, key=key).expect(201)
    again = kim.place({sku: 1}, key=key).expect(201)
    assert again.body == first.body
    assert again.headers["Idempotent-Replayed"] == "true"
    assert "Idempotent-Replayed" not in first.headers


def test_two_thousand_orders_for_a_thousand_units_sell_exactly_a_thousand(api, mailbox, product):
    sku = product(stock=1000)
    with ThreadPoolExecutor(4) as pool:
        buyers = list(pool.map(lambda number: sign_up(api, mailbox, f"buyer{number}"), range(20)))
    todo = iter(range(2000))
    lock = threading.Lock()

    def buy(buyer: Person):
        statuses = []
        while True:
            with lock:
                if next(todo, None) is None:
                    return statuses
            key = secrets.token_hex(16)
            statuses.append(_until_final(lambda key=key: buyer.place({sku: 1}, key=key)).status)

    with ThreadPoolExecutor(20) as pool:
        statuses = [status for each in pool.map(buy, buyers) for status in each]
    assert len(statuses) == 2000
    assert statuses.count(201) == 1000
    assert statuses.count(409) == 1000
    assert api.call("orders", f"GET /v1/products/{sku}").json["available"] == 0


def test_cancel_and_ship_at_once_have_one_winner(kim, staff, product):
    order = kim.place({product(): 1}).expect(201).json
    kim.pay(order).expect(201)
    etag = f'"{kim.order(order)["version"]}"'
    start = threading.Barrier(2)

    def race(command):
        start.wait()
        return command()

    commands = [
        lambda: kim.do(f"POST /v1/orders/{order['id']}/cancel", {}),
        lambda: staff.do(f"POST /v1/orders/{order['id']}/fulfillments", {}, if_match=etag),
    ]
    with ThreadPoolExecutor(2) as pool:
        canceled, shipped = pool.map(race, commands)
    assert (canceled.status == 200) != (shipped.status == 201), (canceled.body, shipped.body)
    loser = shipped if canceled.status == 200 else canceled
    assert loser.status in (409, 412)
