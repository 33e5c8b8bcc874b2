"""One platform per mode for the whole run, and the people who use it."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import psycopg2
import pytest
from waybill_standalone.platform import Mode, Platform

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

Product = Callable[..., str]


@pytest.fixture(scope="session", params=["standalone", "processes"])
def mode(request: pytest.FixtureRequest) -> Mode:
    mode: Mode = request.param
    return mode


@pytest.fixture(scope="session")
def platform(mode: Mode, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    given = os.environ.get("WAYBILL_TEST_AMQP_URL", "")  # noqa: TID251 - the runner's switch, not a service's setting
    settings = ENVIRONMENT | ({"WAYBILL_AMQP_URL": given} if given and mode == "processes" else {})
    with Platform(tmp_path_factory.mktemp(mode), mode, settings) as platform:
        yield platform


@pytest.fixture(scope="session")
def api(platform: Platform) -> Api:
    return Api(platform.urls)


@pytest.fixture(scope="session")
def mailbox(api: Api) -> Mailbox:
    return Mailbox(api)


@pytest.fixture(scope="session")
def staff(platform: Platform, api: Api) -> Person:
    account = platform.accounts["staff"]
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
