"""The load of the crash suite: customers who order, pay and cancel, and staff who ship, deliver and refund."""

from __future__ import annotations

import queue
import random
import threading
import uuid
from dataclasses import dataclass
from typing import Any

from tests.chaos.api import Caller
from tests.chaos.history import Command, History, Record

ADDRESS = {"name": "Chaos Tester", "line1": "1 Fault Street", "city": "Seoul", "postal_code": "04524", "country": "KR"}
SKUS = [f"CHAOS-{number:02}" for number in range(12)]
SCARCE = "CHAOS-SCARCE"
STOCK = 100_000
SCARCE_STOCK = 25

_TOKENS = ["tok_approve"] * 6 + ["tok_decline", "tok_async", "tok_flaky"]


@dataclass
class Load:
    """What the threads share: the record, the work handed to staff, and when to end."""

    history: History
    paid: queue.Queue[str]
    over: threading.Event


class ShelvesError(Exception):
    """A product or its stock could not be made; the message has the answer."""


def new_key() -> str:
    """Return a fresh idempotency key."""
    return str(uuid.uuid4())


def fill_shelves(staff: Caller, history: History) -> None:
    """Make every product and its stock, as staff; raises ShelvesError."""
    staff.sign_in()
    for sku in [*SKUS, SCARCE]:
        price = {"amount": 1999, "currency": "EUR"}
        if not staff.put(f"/v1/products/{sku}", {"name": f"Thing {sku}", "unit_price": price, "active": True}):
            raise ShelvesError(f"the product {sku} could not be made")
        body = {"delta": SCARCE_STOCK if sku == SCARCE else STOCK, "reason": "chaos"}
        record = staff.command(history, Command("stock", new_key(), f"/v1/products/{sku}/stock", body, staff.name))
        if record.status != 200:
            raise ShelvesError(f"the stock of {sku} could not be set: {record.status} {record.answer}")


def shop(caller: Caller, load: Load, seed: int) -> None:
    """Order until the load is over; every choice comes from the seed."""
    chance = random.Random(seed)
    caller.sign_in()
    while not load.over.is_set():
        placed = _place(caller, load, chance)
        if placed.status != 201:
            continue
        if chance.random() < 0.2:
            caller.again(placed)
        order_id = placed.answer["id"]
        fate = chance.random()
        if fate < 0.15:
            _cancel(caller, load, order_id)
        elif fate < 0.9:
            _pay(caller, load, order_id, chance)
        load.over.wait(chance.uniform(0.0, 0.2))


def serve(caller: Caller, load: Load, seed: int) -> None:
    """Ship what was paid, deliver it, and refund some, until the load is over and nothing waits."""
    chance = random.Random(seed)
    caller.sign_in()
    while not (load.over.is_set() and load.paid.empty()):
        try:
            order_id = load.paid.get(timeout=0.5)
        except queue.Empty:
            continue
        if chance.random() < 0.25:
            _refund(caller, load, order_id)
        else:
            _ship(caller, load, order_id)


def _place(caller: Caller, load: Load, chance: random.Random) -> Record:
    key = new_key()
    skus = chance.sample(SKUS, chance.randint(1, 3)) + ([SCARCE] if chance.random() < 0.15 else [])
    lines = [{"sku": sku, "quantity": chance.randint(1, 3)} for sku in skus]
    body: dict[str, Any] = {"lines": lines, "shipping_address": ADDRESS, "note": key}
    return caller.command(load.history, Command("place", key, "/v1/orders", body, caller.name))


def _pay(caller: Caller, load: Load, order_id: str, chance: random.Random) -> None:
    token = chance.choice(_TOKENS)
    body = {"method": {"type": "sandbox", "token": token}}
    command = Command("pay", new_key(), f"/v1/orders/{order_id}/payments", body, caller.name)
    record = caller.command(load.history, command)
    if record.status == 201 and token != "tok_async":
        load.paid.put(order_id)
    elif record.status == 402:
        body = {"method": {"type": "sandbox", "token": "tok_approve"}}
        again = Command("pay", new_key(), f"/v1/orders/{order_id}/payments", body, caller.name)
        if caller.command(load.history, again).status == 201:
            load.paid.put(order_id)


def _cancel(caller: Caller, load: Load, order_id: str) -> None:
    body = {"reason": "changed my mind"}
    caller.command(load.history, Command("cancel", new_key(), f"/v1/orders/{order_id}/cancel", body, caller.name))


def _ship(caller: Caller, load: Load, order_id: str) -> None:
    seen = caller.get(f"/v1/orders/{order_id}")
    if seen is None:
        load.paid.put(order_id)
        return
    body = {"carrier": "CHAOS", "tracking_number": order_id[-8:]}
    command = Command("ship", new_key(), f"/v1/orders/{order_id}/fulfillments", body, caller.name)
    record = caller.command(load.history, command, {"If-Match": seen[1]})
    if record.status == 201:
        path = f"/v1/orders/{order_id}/fulfillments/{_fulfillment_id(record.answer)}/deliver"
        caller.command(load.history, Command("deliver", new_key(), path, {}, caller.name))


def _refund(caller: Caller, load: Load, order_id: str) -> None:
    body = {"reason": "chaos refund"}
    caller.command(load.history, Command("refund", new_key(), f"/v1/orders/{order_id}/refunds", body, caller.name))


def _fulfillment_id(answer: dict[str, Any]) -> str:
    """Read the id of the newest fulfillment, whether the route answers with it or with its order."""
    fulfillments = answer.get("fulfillments")
    return str(fulfillments[-1]["id"] if fulfillments else answer["id"])
