"""One platform in one process for the run, an order on it, and the command as an operator types it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from click.testing import CliRunner, Result
from waybill_cli.cli import main
from waybill_standalone.platform import Platform

from tests.e2e.client import Api, Mailbox, Person, sign_up
from tests.e2e.conftest import ENVIRONMENT

Waybill = Callable[..., Result]


@pytest.fixture(scope="session")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    with Platform(tmp_path_factory.mktemp("cli"), "standalone", ENVIRONMENT) as platform:
        yield platform


@pytest.fixture(scope="session")
def waybill(platform: Platform) -> Waybill:
    """`waybill("stuck", "--json")` runs the command against the platform."""

    def run(*arguments: str, **more: Any) -> Result:
        return CliRunner().invoke(main, ["--local", str(platform.folder), *arguments], **more)

    return run


@pytest.fixture(scope="session")
def paid_order(platform: Platform) -> dict[str, Any]:
    """An order that was paid, whose two mails are sent."""
    api = Api(platform.urls)
    account = platform.accounts["staff"]
    staff = Person(api, account["email"], account["password"]).sign_in()
    body = {"name": "Thing", "unit_price": {"amount": 1990, "currency": "EUR"}, "active": True}
    staff.call("orders", "PUT /v1/products/SKU-CLI", body).expect(201)
    staff.stock("SKU-CLI", 10).expect(200)
    kim = sign_up(api, Mailbox(api))
    order = kim.place({"SKU-CLI": 2}).expect(201).json
    kim.pay(order).expect(201)
    Mailbox(api).wait(kim.email, 3)
    return dict(order)
