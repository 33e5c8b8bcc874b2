"""The staff and the customer account of one folder, made through the public API with random passwords."""

from __future__ import annotations

import re
import secrets
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass

import requests

from waybill_standalone.config import StandaloneSettings
from waybill_standalone.home import Home

STAFF_EMAIL = "staff@waybill.example"
CUSTOMER_EMAIL = "customer@waybill.example"
_LINK = re.compile(r"https?://\S+/(verify|reset)#token=(\S+)")
_MAIL_DEADLINE_SECONDS = 60.0


class AccountsError(Exception):
    """An account could not be made; the message has the answer that was not expected."""


@dataclass(frozen=True)
class Account:
    """Who can sign in, and with what."""

    email: str
    password: str


class AccountMaker:
    """Makes each account once for a folder; a later start only checks that the staff account still opens."""

    def __init__(self, settings: StandaloneSettings, home: Home, environment: Mapping[str, str]) -> None:
        self._auth = settings.url("auth")
        self._mail = "" if settings.smtp_url else settings.url("mail")
        self._home = home
        self._environment = environment

    def ensure(self) -> dict[str, dict[str, str]]:
        """The accounts by role, as kept in `.waybill/accounts.json`; raises AccountsError."""
        staff = Account(STAFF_EMAIL, self._home.secret("staff_password", _password))
        customer = Account(CUSTOMER_EMAIL, self._home.secret("customer_password", _password))
        if not self._opens(staff):
            self._make_staff(staff)
        accounts = {"staff": asdict(staff)}
        if self._mail:
            if not self._opens(customer):
                self._make_customer(customer)
            accounts["customer"] = asdict(customer)
        self._home.write("accounts.json", accounts)
        return accounts

    def _opens(self, account: Account) -> bool:
        answer = requests.post(f"{self._auth}/v1/login", json=asdict(account), timeout=15)
        if answer.status_code in (200, 401, 403):
            return answer.status_code == 200
        raise AccountsError(f"auth answered {answer.status_code} to a sign-in: {answer.text[:300]}")

    def _make_staff(self, account: Account) -> None:
        """The first administrator comes by command: no default account, no default password."""
        done = subprocess.run(  # noqa: S603 - our own command
            [sys.executable, "-m", "waybill_auth", "users", "create-admin", account.email],
            env=dict(self._environment),
            capture_output=True,
            text=True,
            check=False,
        )
        link = _LINK.search(done.stdout)
        if done.returncode != 0 or link is None:
            raise AccountsError(f"auth users create-admin failed: {(done.stderr or done.stdout).strip()[-500:]}")
        self._follow(link, account.password)

    def _make_customer(self, account: Account) -> None:
        before = {message["id"] for message in self._mails(account.email)}
        answer = requests.post(f"{self._auth}/v1/register", json={**asdict(account), "name": "Kim Waybill"}, timeout=15)
        if answer.status_code != 202:
            raise AccountsError(f"auth answered {answer.status_code} to a registration: {answer.text[:300]}")
        deadline = time.monotonic() + _MAIL_DEADLINE_SECONDS
        while time.monotonic() < deadline:
            for message in self._mails(account.email):
                link = _LINK.search(message["text"]) if message["id"] not in before else None
                if link is not None:
                    self._follow(link, account.password)
                    return
            time.sleep(0.05)
        raise AccountsError(f"no mail with a link came for {account.email} within {_MAIL_DEADLINE_SECONDS:.0f} s")

    def _mails(self, to: str) -> list[dict[str, str]]:
        answer = requests.get(f"{self._mail}/api/messages", params={"to": to}, timeout=15)
        messages: list[dict[str, str]] = answer.json()
        return messages

    def _follow(self, link: re.Match[str], password: str) -> None:
        page, token = link.groups()
        route = "/v1/email/verify" if page == "verify" else "/v1/password/reset"
        answer = requests.post(f"{self._auth}{route}", json={"token": token, "password": password}, timeout=15)
        if answer.status_code != 204:
            raise AccountsError(f"auth answered {answer.status_code} to {route}: {answer.text[:300]}")


def _password() -> str:
    return secrets.token_urlsafe(18)
