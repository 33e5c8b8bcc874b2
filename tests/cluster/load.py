"""Fifty requests a second that must all succeed, and the history of what they asked for."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Self

import requests

from tests.chaos.api import Account
from tests.chaos.history import Command, History
from tests.chaos.shoppers import ADDRESS, SKUS, new_key

REQUESTS_PER_SECOND = 50.0
_THREADS = 24
_TIMEOUT_SECONDS = 10.0


class SteadyLoad:
    """Requests at a fixed rate, each on a connection of its own, whatever the answers do; a context manager.

    A gateway keeps connections open and sends a request again when it meets one that was closed meanwhile (RFC 9112
    §9.3.1); fresh connections say the same about the platform without that mending in between.
    """

    def __init__(self, urls: dict[str, str], customers: list[Account], history: History) -> None:
        self._history = history
        self.failures: list[str] = []
        self.sent: Counter[str] = Counter()
        self._urls = urls
        self._tokens = {account.email: _sign_in(urls["auth"], account) for account in customers}
        self._began = time.monotonic()
        self._over = threading.Event()
        self._ticker = threading.Thread(target=self._tick, daemon=True)
        self._pool = ThreadPoolExecutor(_THREADS)
        self._jobs: list[Future[None]] = []
        self._lock = threading.Lock()
        self._placed: list[tuple[str, str]] = []
        self._chance = random.Random(1)

    def __enter__(self) -> Self:
        self._ticker.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._ticker.join()
        self._pool.shutdown(wait=True)
        for job in self._jobs:
            job.result()  # a fault of the load itself is not to pass in silence

    def run_for(self, seconds: float) -> None:
        """Let the load go on for a while: before and after what is tested, so that there is something to compare."""
        time.sleep(seconds)

    def summary(self) -> str:
        """Say what was sent and what failed."""
        kinds = ", ".join(f"{count} {what}" for what, count in self.sent.most_common())
        return f"{len(self.failures)} of {self.sent.total()} requests failed ({kinds})"

    def _tick(self) -> None:
        due = time.monotonic()
        while not self._over.wait(max(0.0, due - time.monotonic())):
            due += 1.0 / REQUESTS_PER_SECOND
            customer = self._chance.choice(list(self._tokens))
            self._jobs.append(self._pool.submit(self._one, self._chance.random(), customer, self._pick()))

    def _pick(self) -> tuple[str, str] | None:
        """Take an order out of those that were placed: nobody else uses it meanwhile."""
        with self._lock:
            return self._placed.pop(self._chance.randrange(len(self._placed))) if self._placed else None

    def _put(self, customer: str, order_id: str) -> None:
        with self._lock:
            self._placed.append((customer, order_id))

    def _one(self, chance: float, customer: str, placed: tuple[str, str] | None) -> None:
        if placed is None or chance < 0.4:
            self._place(customer)
        elif chance < 0.5:
            self._pay(*placed)
            return
        elif chance < 0.75:
            owner, order_id = placed
            self._read("order", f"{self._urls['orders']}/v1/orders/{order_id}", owner)
        elif chance < 0.85:
            self._read("orders", f"{self._urls['orders']}/v1/orders?limit=20", customer)
        elif chance < 0.95:
            self._read("me", f"{self._urls['auth']}/v1/me", customer)
        else:
            self._read("keys", f"{self._urls['auth']}/.well-known/jwks.json", customer)
        if placed is not None:
            self._put(*placed)

    def _place(self, customer: str) -> None:
        key = new_key()
        lines = [{"sku": sku, "quantity": 1} for sku in self._chance.sample(SKUS, 2)]
        body: dict[str, Any] = {"lines": lines, "shipping_address": ADDRESS, "note": key}
        answer = self._command("place", key, "/v1/orders", body, customer)
        if answer is not None:
            self._put(customer, answer["id"])

    def _pay(self, owner: str, order_id: str) -> None:
        body = {"method": {"type": "sandbox", "token": "tok_approve"}}
        self._command("pay", new_key(), f"/v1/orders/{order_id}/payments", body, owner)

    def _command(self, kind: str, key: str, path: str, body: dict[str, Any], who: str) -> dict[str, Any] | None:
        record = self._history.begin(Command(kind, key, path, body, who))
        record.tries = 1
        headers = {"Idempotency-Key": key, **self._headers(who)}
        answer = self._send(kind, 201, "POST", self._urls["orders"] + path, json=body, headers=headers)
        if answer is None:
            return None
        record.status = answer.status_code
        record.answer = answer.json()
        return record.answer

    def _read(self, what: str, url: str, who: str) -> None:
        self._send(what, 200, "GET", url, headers=self._headers(who))

    def _headers(self, who: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._tokens[who]}", "Connection": "close"}

    def _fail(self, what: str) -> None:
        self.failures.append(f"after {time.monotonic() - self._began:.1f} s, {what}")

    def _send(self, what: str, wanted: int, method: str, url: str, **more: Any) -> requests.Response | None:
        """Send once; anything but the wanted answer is a failure."""
        self.sent[what] += 1
        try:
            answer = requests.request(method, url, timeout=_TIMEOUT_SECONDS, **more)
        except requests.RequestException as error:
            self._fail(f"{what}: {error!r}")
            return None
        if answer.status_code != wanted:
            self._fail(f"{what}: {answer.status_code} {answer.text[:300]}")
            return None
        return answer


def _sign_in(auth_url: str, account: Account) -> str:
    body = {"email": account.email, "password": account.password}
    answer = requests.post(f"{auth_url}/v1/login", json=body, timeout=30)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["access_token"])
