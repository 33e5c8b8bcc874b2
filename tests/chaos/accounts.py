"""Customers made through the front door: register, read the mail, verify."""

from __future__ import annotations

import re
import time

import requests

from tests.chaos.api import Account

_TOKEN = re.compile(r"#token=([A-Za-z0-9._~-]+)")
_MAIL_SECONDS = 120.0
PASSWORD = "a long enough phrase for chaos"


def make_customers(urls: dict[str, str], count: int, prefix: str) -> list[Account]:
    """Return `count` verified customers; raises TimeoutError when a mail does not come."""
    accounts = [Account(f"{prefix}-{number}@example.com", PASSWORD) for number in range(count)]
    for account in accounts:
        body = {"email": account.email, "password": account.password, "name": "Chaos", "locale": "en"}
        _post(f"{urls['auth']}/v1/register", body, 202)
    for account in accounts:
        token = _token(urls["mail"], account.email)
        _post(f"{urls['auth']}/v1/email/verify", {"token": token, "password": account.password}, 204)
    return accounts


def _token(mail_url: str, email: str) -> str:
    deadline = time.monotonic() + _MAIL_SECONDS
    while time.monotonic() < deadline:
        mails = requests.get(f"{mail_url}/api/messages", params={"to": email}, timeout=10).json()
        for mail in mails:
            found = _TOKEN.search(mail["text"])
            if found:
                return found[1]
        time.sleep(0.1)
    raise TimeoutError(f"no verification mail for {email}")


def _post(url: str, body: dict[str, str], wanted: int) -> None:
    answer = requests.post(url, json=body, timeout=20)
    if answer.status_code != wanted:
        raise RuntimeError(f"{url} answered {answer.status_code}: {answer.text}")
