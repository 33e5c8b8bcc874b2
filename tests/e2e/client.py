"""A small client of the public API: what a front end, a back office and a mailbox do."""

from __future__ import annotations

import json
import re
import secrets
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import requests
from waybill_testkit.waiting import eventually

ADDRESS = {"name": "Kim Waybill", "line1": "1 Harbour Street", "city": "Dublin", "postal_code": "D01", "country": "IE"}
MAIL_SECONDS = 60
_TOKEN = re.compile(r"#token=(\S+)")


@dataclass(frozen=True)
class Answer:
    """What came back: status, headers, and the body's bytes."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body, read."""
        return json.loads(self.body) if self.body else None

    @property
    def code(self) -> str:
        """A problem's code, empty when it is none."""
        return str(self.json.get("code", "")) if "problem+json" in self.headers.get("Content-Type", "") else ""

    def expect(self, *statuses: int) -> Answer:
        """This answer, if it has one of the statuses; AssertionError with the body otherwise."""
        assert self.status in statuses, f"{self.status} instead of {statuses}: {self.body.decode()[:1000]}"
        return self


class Api:
    """Requests to the services of one platform; one HTTP session per thread."""

    def __init__(self, urls: Mapping[str, str]) -> None:
        self.urls = dict(urls)
        self._local = threading.local()

    def call(self, service: str, request: str, body: Any = None, **headers: str) -> Answer:
        """`request` is `METHOD /path`; `headers` with `_` for `-`; an empty header is left out."""
        method, _, path = request.partition(" ")
        named = {name.replace("_", "-"): value for name, value in headers.items() if value}
        answer = self._session.request(method, self.urls[service] + path, json=body, headers=named, timeout=60)
        return Answer(answer.status_code, answer.headers, answer.content)

    @property
    def _session(self) -> requests.Session:
        session: requests.Session | None = getattr(self._local, "session", None)
        if session is None:
            session = self._local.session = requests.Session()
            session.trust_env = False
        return session


@dataclass
class Person:
    """Someone with an account; signed in after `sign_in`."""

    api: Api
    email: str
    password: str
    token: str = ""
    refresh_token: str = ""
    id: str = ""
    extra: dict[str, str] = field(default_factory=dict)

    def sign_in(self) -> Person:
        """Get tokens."""
        body = {"email": self.email, "password": self.password}
        answer = self.api.call("auth", "POST /v1/login", body).expect(200).json
        self.token, self.refresh_token = answer["access_token"], answer["refresh_token"]
        self.id = self.get("auth", "/v1/me").expect(200).json["id"]
        return self

    def call(self, service: str, request: str, body: Any = None, **headers: str) -> Answer:
        """A request with the token."""
        return self.api.call(service, request, body, Authorization=f"Bearer {self.token}", **headers)

    def get(self, service: str, path: str) -> Answer:
        """Read."""
        return self.call(service, f"GET {path}")

    def do(self, request: str, body: Any = None, *, key: str = "", if_match: str = "") -> Answer:
        """A command to orders under a key of its own, or under `key`."""
        return self.call("orders", request, body, Idempotency_Key=key or new_key(), If_Match=if_match)

    def place(self, lines: Mapping[str, int], *, key: str = "", **more: Any) -> Answer:
        """Order quantities by SKU."""
        body = {"lines": [{"sku": sku, "quantity": quantity} for sku, quantity in lines.items()], **more}
        return self.do("POST /v1/orders", {**body, "shipping_address": ADDRESS}, key=key)

    def pay(self, order: Mapping[str, Any], token: str = "tok_approve", *, key: str = "", **more: Any) -> Answer:
        """Pay an order with one of the sandbox's tokens."""
        body = {"method": {"type": "sandbox", "token": token}, **more}
        return self.do(f"POST /v1/orders/{order['id']}/payments", body, key=key)

    def order(self, order: Mapping[str, Any]) -> Any:
        """The order as it is now."""
        return self.get("orders", f"/v1/orders/{order['id']}").expect(200).json

    def events(self, order: Mapping[str, Any]) -> list[str]:
        """The types of the order's events, in order; asserts that they are numbered without a gap."""
        events = self.get("orders", f"/v1/orders/{order['id']}/timeline").expect(200).json["data"]
        assert [event["sequence"] for event in events] == list(range(1, len(events) + 1))
        return [event["type"] for event in events]

    def stock(self, sku: str, delta: int) -> Answer:
        """Add or take units (staff)."""
        return self.do(f"POST /v1/products/{sku}/stock", {"delta": delta, "reason": "end-to-end test"})


@dataclass(frozen=True)
class Mailbox:
    """What the mail catcher took."""

    api: Api

    def of(self, email: str) -> list[dict[str, Any]]:
        """The mails to one address, oldest first."""
        messages: list[dict[str, Any]] = self.api.call("mail", f"GET /api/messages?to={email}").expect(200).json
        return messages

    def wait(self, email: str, count: int) -> list[dict[str, Any]]:
        """The mails to one address once there are `count` of them."""

        def enough() -> list[dict[str, Any]]:
            messages = self.of(email)
            return messages if len(messages) >= count else []

        return eventually(enough, within_seconds=MAIL_SECONDS)

    def token(self, email: str, count: int) -> str:
        """The one-time token in the `count`-th mail to an address."""
        mail = self.wait(email, count)[count - 1]
        found = _TOKEN.search(mail["text"])
        assert found, f"no link in “{mail['subject']}”: {mail['text']}"
        return found.group(1)


def new_key() -> str:
    """An idempotency key."""
    return str(uuid4())


def sign_up(api: Api, mailbox: Mailbox, name: str = "kim") -> Person:
    """Somebody new: registered, verified by mail, signed in."""
    person = Person(api, f"{name}-{secrets.token_hex(5)}@waybill.example", secrets.token_urlsafe(18))
    body = {"email": person.email, "password": person.password, "name": name.title()}
    api.call("auth", "POST /v1/register", body).expect(202)
    proof = {"token": mailbox.token(person.email, 1), "password": person.password}
    api.call("auth", "POST /v1/email/verify", proof).expect(204)
    return person.sign_in()
