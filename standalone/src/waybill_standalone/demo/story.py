"""The demo's story: sign up, order, pay, ship, deliver; a second order paid, canceled and refunded."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from typing import Any

from waybill_standalone.demo.person import Call, DemoError, Person, new_key, wait_for
from waybill_standalone.demo.teller import Teller

_LINK_TOKEN = re.compile(r"#token=(\S+)")
_PRODUCTS = {
    "MUG-BLUE": ("Blue mug", 1290),
    "TEA-JEJU": ("제주 녹차 (green tea), 80 g", 1850),
}
_ADDRESS = {"name": "Kim Waybill", "line1": "1 Harbour Street", "city": "Dublin", "postal_code": "D01", "country": "IE"}


class Story:
    """Plays against a running platform; `play` raises DemoError at the first thing that is not as promised."""

    def __init__(self, urls: Mapping[str, str], staff: Mapping[str, str], teller: Teller) -> None:
        self._teller = teller
        self._staff_account = staff
        self._kim = Person("Kim", urls, teller)
        self._staff = Person("staff", urls, teller)
        self._email = f"kim-{secrets.token_hex(4)}@waybill.example"
        self._told_mails: set[str] = set()
        self._told_events: set[tuple[str, int]] = set()
        self.orders: list[dict[str, Any]] = []

    def play(self) -> None:
        """Everything, in order."""
        self._sign_up()
        self._fill_the_shelves()
        first = self._buy({"MUG-BLUE": 2, "TEA-JEJU": 1}, decline_first=True)
        self._ship(first)
        second = self._buy({"TEA-JEJU": 3}, decline_first=False)
        self._cancel(second)
        self._look_back([first, second])

    def _sign_up(self) -> None:
        self._teller.scene("Kim signs up")
        password = secrets.token_urlsafe(18)
        who = {"email": self._email, "password": password}
        self._kim.ask(Call("auth", "POST /v1/register", 202, {**who, "name": "Kim", "locale": "en"}))
        mail = self._mails(1)[0]
        token = _LINK_TOKEN.search(mail["text"])
        if token is None:
            raise DemoError(f"the mail “{mail['subject']}” has no link to confirm the address")
        proof = {"token": token.group(1), "password": password}
        self._kim.ask(Call("auth", "POST /v1/email/verify", 204, proof, tells=lambda _: "the mailbox is Kim's"))
        self._kim.sign_in(self._email, password)
        self._kim.ask(Call("auth", "GET /v1/me", 200, tells=lambda me: f"{me['id']}"))

    def _fill_the_shelves(self) -> None:
        self._teller.scene("The shop fills its shelves")
        self._staff.sign_in(self._staff_account["email"], self._staff_account["password"])
        for sku, (name, price) in _PRODUCTS.items():
            body = {"name": name, "unit_price": {"amount": price, "currency": "EUR"}, "active": True}
            known = any(product["sku"] == sku for product in self._staff.peek("orders", "/v1/products")["data"])
            self._staff.ask(Call("orders", f"PUT /v1/products/{sku}", 200 if known else 201, body, tells=_product))
            stock = {"delta": 10, "reason": "delivery from the supplier"}
            self._staff.ask(Call("orders", f"POST /v1/products/{sku}/stock", 200, stock, key=new_key(), tells=_stock))

    def _buy(self, basket: Mapping[str, int], *, decline_first: bool) -> dict[str, Any]:
        self._teller.scene("Kim orders" if decline_first else "Kim orders again")
        lines = [{"sku": sku, "quantity": quantity} for sku, quantity in basket.items()]
        body, key = {"lines": lines, "shipping_address": _ADDRESS}, new_key()
        place = Call("orders", "POST /v1/orders", 201, body, key=key, tells=_order)
        order: dict[str, Any] = self._kim.ask(place).json()
        if decline_first:
            self._kim.ask(
                Call("orders", "POST /v1/orders", 201, body, key=key, tells=lambda _: "a double click: the same order")
            )
        self._mails(1)
        if decline_first:
            self._pay(order, "tok_decline", 402, "declined")
        self._pay(order, "tok_approve", 201, "captured")
        return order

    def _pay(self, order: Mapping[str, Any], token: str, status: int, outcome: str) -> None:
        body = {"method": {"type": "sandbox", "token": token}}
        route = f"POST /v1/orders/{order['id']}/payments"
        self._kim.ask(Call("orders", route, status, body, key=new_key(), tells=lambda _: outcome))
        self._events(order, "orders.payment.failed" if status == 402 else "orders.order.confirmed")
        self._mails(1)

    def _ship(self, order: Mapping[str, Any]) -> None:
        self._teller.scene("The shop ships, the parcel arrives")
        seen = self._staff.ask(Call("orders", f"GET /v1/orders/{order['id']}", 200, tells=_order))
        parcel = {"carrier": "An Post", "tracking_number": f"WB{secrets.randbelow(10**9):09}IE"}
        route = f"POST /v1/orders/{order['id']}/fulfillments"
        etag = seen.headers["ETag"]
        shipped = self._staff.ask(
            Call("orders", route, 201, parcel, key=new_key(), if_match=etag, tells=lambda _: parcel["tracking_number"])
        ).json()
        self._mails(1)
        deliver = f"{route}/{shipped['id']}/deliver"
        self._staff.ask(Call("orders", deliver, 200, {}, key=new_key(), tells=lambda parcel: str(parcel["status"])))
        self._events(order, "orders.order.completed")
        self._mails(1)

    def _cancel(self, order: Mapping[str, Any]) -> None:
        self._teller.scene("Kim thinks again: canceled, and the money comes back")
        route = f"POST /v1/orders/{order['id']}/cancel"
        self._kim.ask(Call("orders", route, 200, {"reason": "ordered twice"}, key=new_key(), tells=_order))
        self._events(order, "orders.refund.succeeded")
        self._mails(2)

    def _look_back(self, orders: list[dict[str, Any]]) -> None:
        self._teller.scene("In the end")
        for order in orders:
            last = self._kim.ask(Call("orders", f"GET /v1/orders/{order['id']}", 200, tells=_order)).json()
            self.orders.append({name: last[name] for name in _KEPT})
            events = self._kim.peek("orders", f"/v1/orders/{order['id']}/timeline")["data"]
            numbers = [event["sequence"] for event in events]
            if numbers != list(range(1, last["version"] + 1)):
                raise DemoError(f"order {order['number']} is at version {last['version']} with events {numbers}")
        stuck = self._staff.peek("notifier", "/v1/dead-letters?state=open")["data"]
        if stuck:
            raise DemoError(f"{len(stuck)} messages could not be handled: {stuck[0]}")
        self._teller.say("\nEvery event is numbered without a gap, every mail came once, nothing is stuck.")

    def _events(self, order: Mapping[str, Any], until: str) -> None:
        """Tell the events of the order that were not told yet, once one of type `until` is among them."""

        def fresh() -> list[dict[str, Any]]:
            timeline = self._kim.peek("orders", f"/v1/orders/{order['id']}/timeline")["data"]
            new = [event for event in timeline if (order["id"], event["sequence"]) not in self._told_events]
            return new if any(event["type"] == until for event in new) else []

        for event in wait_for(f"the event {until} of order {order['number']}", fresh):
            self._told_events.add((order["id"], event["sequence"]))
            self._teller.event(event, str(order["number"]))

    def _mails(self, count: int) -> list[dict[str, Any]]:
        """Tell the next `count` mails to Kim; more than that at this point is one too many."""

        def fresh() -> list[dict[str, Any]]:
            messages = self._kim.peek("mail", f"/api/messages?to={self._email}")
            new = [message for message in messages if message["id"] not in self._told_mails]
            return new if len(new) >= count else []

        new: list[dict[str, Any]] = wait_for(f"{count} mail(s) to {self._email}", fresh)
        if len(new) > count:
            raise DemoError(f"{len(new)} mails came instead of {count}: {[mail['subject'] for mail in new]}")
        for mail in new:
            self._told_mails.add(mail["id"])
            self._teller.mail(mail)
        return new


_KEPT = ("id", "number", "status", "payment_status", "fulfillment_status", "total", "captured", "refunded", "version")


def _money(value: Mapping[str, Any]) -> str:
    return f"{value['amount'] / 100:.2f} {value['currency']}"


def _order(order: Mapping[str, Any]) -> str:
    states = f"{order['status']}, {order['payment_status']}, {order['fulfillment_status']}"
    return f"{order['number']}: {_money(order['total'])}, {states}"


def _product(product: Mapping[str, Any]) -> str:
    return f"{product['name']}, {_money(product['unit_price'])}"


def _stock(stock: Mapping[str, Any]) -> str:
    return f"{stock['on_hand']} on hand, {stock['available']} available"
