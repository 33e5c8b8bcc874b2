"""The whole service on a real database and a real gateway."""

from collections.abc import Callable, Iterator

import pytest
from waybill_common.database import migrate
from waybill_sandbox.config import Settings
from waybill_sandbox.server import GatewayServer
from waybill_testkit.waiting import free_port

from services.orders.tests.integration.service import Service

FreshDatabase = Callable[..., str]


@pytest.fixture
def gateway_url(fresh_database: FreshDatabase) -> Iterator[str]:
    database = fresh_database("sandbox", lambda url: migrate(url, "waybill_sandbox"))
    server = GatewayServer(
        Settings.model_validate({"database_url": database, "web_port": free_port(), "async_seconds": 0})
    )
    server.start()
    yield server.url
    server.stop()


@pytest.fixture
def service(fresh_database: FreshDatabase, gateway_url: str) -> Iterator[Service]:
    database = fresh_database("orders", lambda url: migrate(url, "waybill_orders"))
    service = Service(database, gateway_url=gateway_url)
    yield service
    broken = service.audit()
    service.close()
    assert broken == []
