"""Someone who uses the public API in the demo: a browser, a back office."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import requests

from waybill_standalone.demo.teller import Teller

WAIT_SECONDS = 60.0


class DemoError(Exception):
    """Something answered otherwise than the story needs; the message says what."""


@dataclass(frozen=True)
class Call:
    """One request as the story writes it: `POST /v1/orders`, the service, and what it is for."""

    service: str
    request: str
    expect: int
    json: Mapping[str, Any] | None = None
    key: str | None = None
    if_match: str | None = None
    tells: Callable[[Any], str] = lambda _body: ""


class Person:
    """Makes requests in a name, with the token of the last sign-in."""

    def __init__(self, name: str, urls: Mapping[str, str], teller: Teller) -> None:
        self.name = name
        self._urls = urls
        self._teller = teller
        self._session = requests.Session()
        self._session.trust_env = False

    def sign_in(self, email: str, password: str) -> None:
        """Get a token; raises DemoError."""
        answer = self.ask(Call("auth", "POST /v1/login", 200, {"email": email, "password": password}))
        self._session.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"

    def ask(self, call: Call) -> requests.Response:
        """Make one request and tell it; raises DemoError when the status is not the expected one."""
        method, _, path = call.request.partition(" ")
        headers = {"Idempotency-Key": call.key} if call.key else {}
        if call.if_match:
            headers["If-Match"] = call.if_match
        url = self._urls[call.service] + path
        answer = self._session.request(method, url, json=call.json, headers=headers, timeout=30)
        if answer.status_code != call.expect:
            raise DemoError(
                f"{self.name}: {call.request} answered {answer.status_code}, not {call.expect}: {answer.text[:600]}"
            )
        self._teller.call(self.name, call.request, answer.status_code, call.tells(_body(answer)))
        return answer

    def peek(self, service: str, path: str) -> Any:
        """Read something that is no part of the story."""
        answer = self._session.get(self._urls[service] + path, timeout=30)
        if answer.status_code != 200:
            raise DemoError(f"{self.name}: GET {path} answered {answer.status_code}: {answer.text[:600]}")
        return answer.json()


def new_key() -> str:
    """An idempotency key, as a client makes one for each thing it wants done."""
    return str(uuid4())


def wait_for(what: str, look: Callable[[], Any]) -> Any:
    """Look again until there is something; raises DemoError after a minute."""
    deadline = time.monotonic() + WAIT_SECONDS
    while not (found := look()):
        if time.monotonic() > deadline:
            raise DemoError(f"waited {WAIT_SECONDS:.0f} s in vain for {what}")
        time.sleep(0.03)
    return found


def _body(answer: requests.Response) -> Any:
    return answer.json() if answer.content else {}
