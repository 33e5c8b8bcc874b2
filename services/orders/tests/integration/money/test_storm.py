"""A storm of every command on few orders, with a gateway that is silent at random: then all is in balance."""

import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from waybill_orders.domain.payment_errors import GatewayUnansweredError
from waybill_orders.domain.states import Status
from waybill_orders.use_cases.return_money import Progress

from .misbehaviour import Silent
from .shop import ANN, Shop, euros

pytestmark = pytest.mark.integration
_EXPECTED = {200, 201, 202, 402, 409, 412, 422}
_HELD = (Status.PENDING, Status.CONFIRMED, Status.COMPLETED)


class Moody(Silent):
    """Answers two times in three; of the silent ones half did what was asked."""

    def __getattr__(self, name: str):  # type: ignore[no-untyped-def]
        mood = random.random()
        if mood > 0.33 or name == "find":
            return getattr(self._sound, name)
        return getattr(Silent(self._sound, after=mood > 0.16), name)

    error = GatewayUnansweredError


@pytest.mark.parametrize("seed", [1, 2])
def test_a_storm_leaves_everything_in_balance(shop: Shop, seed: int) -> None:
    random.seed(seed)
    orders = [shop.place(3) for _ in range(4)]
    sound, shop.gateway = shop.gateway, Moody(shop.gateway, after=False)
    commands: list[Callable[[str], object]] = [
        lambda order_id: shop.pay(order_id, capture=random.random() < 0.5, amount=euros(random.choice([1000, 3000]))),
        lambda order_id: shop.pay(order_id, "tok_decline"),
        lambda order_id: on_payment(shop, order_id, "capture", {"amount": euros(random.randint(1, 1500))}),
        lambda order_id: on_payment(shop, order_id, "void", {}),
        lambda order_id: shop.command(
            order_id, "refunds", {"amount": euros(random.randint(1, 900)), "reason": "storm"}
        ),
        lambda order_id: shop.ship(order_id, (1, 1)),
        lambda order_id: shop.post(f"/v1/orders/{order_id}/cancel", {"lines": [{"line": 1, "quantity": 1}]}, who=ANN),
        lambda _: shop.sweep(),
        shop.return_money,
    ]

    def run(_: int) -> object:
        return random.choice(commands)(random.choice(orders))

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(run, range(160)))
    assert {answer.status_code for answer in answers if hasattr(answer, "status_code")} <= _EXPECTED
    shop.gateway = sound
    shop.post(f"/v1/orders/{orders[0]}/cancel", {}, who=ANN)
    while shop.sweep():
        pass
    shop.deliver_webhooks()
    for order_id in orders:
        assert shop.return_money(order_id) is Progress.DONE
    assert shop.rows("SELECT * FROM payments WHERE operation IS NOT NULL") == []
    assert shop.rows("SELECT * FROM refunds WHERE status = 'pending'") == []
    assert shop.rows("SELECT * FROM idempotency WHERE status IS NULL") == []
    ended = [order for order in map(shop.order, orders) if order["status"] not in _HELD]
    assert all(order["captured"] == order["refunded"] for order in ended)


def refund(shop: Shop, order_id: str) -> object:
    return shop.command(order_id, "refunds", {"amount": euros(random.randint(1, 900)), "reason": "storm"})


def on_payment(shop: Shop, order_id: str, command: str, body: dict[str, object]) -> object:
    payments = shop.get(f"/v1/orders/{order_id}/payments").json["data"]
    if not payments:
        return None
    return shop.command(order_id, f"payments/{random.choice(payments)['id']}/{command}", body)
