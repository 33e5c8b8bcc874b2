"""One platform per mode for the whole run, or the deployed one that is named, and the people who use it."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg2
import pytest
import requests
from waybill_standalone.platform import Mode, Platform
from waybill_testkit.waiting import eventually

from tests.e2e.client import Api, Mailbox, Person, sign_up

# Limits against guessing and flooding would stop a test that makes many accounts from one address.
ENVIRONMENT = {
    "WAYBILL_AUTH_HASH_COST": "5",
    "WAYBILL_AUTH_LOGIN_IP_LIMIT": "100000",
    "WAYBILL_AUTH_REGISTER_IP_LIMIT": "100000",
    "WAYBILL_AUTH_FORGOT_IP_LIMIT": "100000",
    "WAYBILL_AUTH_REFRESH_IP_LIMIT": "100000",
    "WAYBILL_AUTH_MAIL_BURST_LIMIT": "100",
    "WAYBILL_AUTH_MAIL_DAILY_LIMIT": "1000",
}

# A JSON file {"urls": {"auth", "orders", "notifier", "mail"}, "staff": {"email", "password"}} of a platform that runs
# already, in a cluster for example: the scenarios then go there alone, but those that reach behind the API.
DEPLOYED = os.environ.get("WAYBILL_E2E_TARGET", "")  # noqa: TID251 - the runner's switch, not a service's setting

Product = Callable[..., str]


@pytest.fixture(scope="session", params=["deployed"] if DEPLOYED else ["standalone", "processes"])
def mode(request: pytest.FixtureRequest) -> str:
    mode: str = request.param
    return mode


@pytest.fixture(scope="session")
def target(mode: str, request: pytest.FixtureRequest) -> dict[str, Any]:
    """Where the services are and who is staff."""
    if mode == "deployed":
        deployed: dict[str, Any] = json.loads(Path(DEPLOYED).read_text(encoding="utf-8"))
        for url in deployed["urls"].values():
            eventually(lambda url=url: is_reached(url))
        return deployed
    platform: Platform = request.getfixturevalue("platform")
    return {"urls": platform.urls, "staff": platform.accounts["staff"]}


def is_reached(url: str) -> bool:
    """Whether anything answers: the network lets a new pod through a moment after it has started."""
    try:
        requests.get(url, timeout=5)
    except requests.ConnectionError:
        return False
    return True


@pytest.fixture(scope="session")
def platform(mode: Mode, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    if DEPLOYED:
        pytest.skip("reaches behind the API: needs a platform of its own")
    given = os.environ.get("WAYBILL_TEST_AMQP_URL", "")  # noqa: TID251 - the runner's switch, not a service's setting
    settings = ENVIRONMENT | ({"WAYBILL_AMQP_URL": given} if given and mode == "processes" else {})
    with Platform(tmp_path_factory.mktemp(mode), mode, settings) as platform:
        yield platform


@pytest.fixture(scope="session")
def api(target: dict[str, Any]) -> Api:
    return Api(target["urls"])


@pytest.fixture(scope="session")
def mailbox(api: Api) -> Mailbox:
    return Mailbox(api)


@pytest.fixture(scope="session")
def staff(target: dict[str, Any], api: Api) -> Person:
    account = target["staff"]
    return Person(api, account["email"], account["password"]).sign_in()


@pytest.fixture
def kim(api: Api, mailbox: Mailbox) -> Person:
    return sign_up(api, mailbox)


@pytest.fixture(scope="session")
def product(staff: Person) -> Product:
    """`product(price=…, stock=…)` makes a product of its own and returns its SKU."""

    def make(*, price: int = 1990, stock: int = 100) -> str:
        sku = f"SKU-{secrets.token_hex(4).upper()}"
        body = {"name": f"Thing {sku}", "unit_price": {"amount": price, "currency": "EUR"}, "active": True}
        staff.call("orders", f"PUT /v1/products/{sku}", body).expect(201)
        if stock:
            staff.stock(sku, stock).expect(200)
        return sku

    return make


@pytest.fixture(scope="session")
def sql(platform: Platform) -> Callable[..., list[tuple[Any, ...]]]:
    """`sql("orders", statement, *values)` runs one statement in a service's database: time travel and counting."""

    def run(service: str, statement: str, *values: Any) -> list[tuple[Any, ...]]:
        with closing(psycopg2.connect(platform.database_url(service))) as connection:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute(statement, values)
                return cursor.fetchall() if cursor.description else []

    return run


@pytest.fixture
def other(api: Api, mailbox: Mailbox) -> Person:
    return sign_up(api, mailbox, "other")
