"""The public HTTP API as a stubborn client uses it: the same key again until a final answer comes."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import requests

from tests.chaos.history import Command, History, Record

RETRY_STATUSES = frozenset({429, 500, 502, 503, 504})
_RETRY_CODES = frozenset({"idempotency_in_progress", "busy"})
_TIMEOUT_SECONDS = 12.0
_PATIENCE_SECONDS = 180.0


@dataclass(frozen=True)
class Account:
    """Somebody who can sign in."""

    email: str
    password: str


class Caller:
    """One account with its session; signs in again when its token ends."""

    def __init__(self, auth_url: str, orders_url: str, account: Account) -> None:
        self._auth_url = auth_url
        self._orders_url = orders_url
        self._account = account
        self._session = requests.Session()
        self._session.trust_env = False
        self._token = ""

    @property
    def name(self) -> str:
        """Who calls."""
        return self._account.email

    def sign_in(self) -> None:
        """Get a token, however long it takes; raises TimeoutError after three minutes."""
        body = {"email": self._account.email, "password": self._account.password}
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while time.monotonic() < deadline:
            answer = self._send("POST", f"{self._auth_url}/v1/login", {}, body)
            if answer is not None and answer.status_code == 200:
                self._token = answer.json()["access_token"]
                return
            pause(answer)
        raise TimeoutError(f"{self.name} could not sign in")

    def command(self, history: History, command: Command, headers: dict[str, str] | None = None) -> Record:
        """Send a command under its key until the answer is final, or until three minutes have passed."""
        record = history.begin(command)
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while time.monotonic() < deadline:
            record.tries += 1
            answer = self._send(
                "POST",
                self._orders_url + command.path,
                {"Idempotency-Key": command.key, **(headers or {})},
                command.body,
            )
            if answer is not None and answer.status_code == 401:
                self.sign_in()
            elif answer is not None and _is_final(answer):
                record.status = answer.status_code
                record.answer = answer.json()
                return record
            pause(answer)
        return record

    def again(self, record: Record) -> None:
        """Send a finished command once more: the answer must be the same."""
        command = record.command
        answer = self._send("POST", self._orders_url + command.path, {"Idempotency-Key": command.key}, command.body)
        if answer is not None and _is_final(answer) and answer.status_code != 401:
            same = answer.status_code == record.status and answer.json() == record.answer
            record.answers_differ = record.answers_differ or not same

    def get(self, path: str) -> tuple[dict[str, Any], str] | None:
        """Read a resource and its ETag; None when it cannot be had just now."""
        answer = self._send("GET", self._orders_url + path, {}, None)
        if answer is not None and answer.status_code == 401:
            self.sign_in()
        if answer is None or answer.status_code != 200:
            return None
        return answer.json(), answer.headers.get("ETag", "")

    def put(self, path: str, body: dict[str, Any]) -> bool:
        """Write a resource; False when it could not be written just now."""
        answer = self._send("PUT", self._orders_url + path, {}, body)
        return answer is not None and answer.status_code in {200, 201}

    def _send(self, method: str, url: str, headers: dict[str, str], body: Any) -> requests.Response | None:
        signed = {**headers, "Authorization": f"Bearer {self._token}"} if self._token else headers
        try:
            return self._session.request(method, url, json=body, headers=signed, timeout=_TIMEOUT_SECONDS)
        except requests.RequestException:
            # The one thing a client knows then is that it does not know; the same key asks again.
            return None


def pause(answer: requests.Response | None) -> None:
    """Wait as long as the answer asks for, or a moment when there was none: a client's manners, not a condition."""
    time.sleep(float(answer.headers.get("Retry-After", "0.2")) if answer is not None else 0.2)


def _is_final(answer: requests.Response) -> bool:
    if answer.status_code == 409:
        return answer.json().get("code") not in _RETRY_CODES
    return answer.status_code not in RETRY_STATUSES
