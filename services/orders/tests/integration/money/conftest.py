"""A shop and a gateway for each test."""

from collections.abc import Callable, Iterator

import pytest
from waybill_common.database import migrate
from waybill_sandbox.config import Settings
from waybill_sandbox.server import GatewayServer
from waybill_testkit.waiting import free_port

from .shop import SECRET, Shop

FreshDatabase = Callable[..., str]


@pytest.fixture
def sandbox_database(fresh_database: FreshDatabase) -> str:
    return fresh_database("sandbox", lambda url: migrate(url, "waybill_sandbox"))


@pytest.fixture
def gateway_server(sandbox_database: str) -> Iterator[GatewayServer]:
    settings = {
        "database_url": sandbox_database,
        "web_port": free_port(),
        "timeout_seconds": 1.5,
        "async_seconds": 0.0,
        "webhook_secret": SECRET,
    }
    server = GatewayServer(Settings.model_validate(settings))
    server.start()
    yield server
    server.stop()


@pytest.fixture
def shop(fresh_database: FreshDatabase, sandbox_database: str, gateway_server: GatewayServer) -> Iterator[Shop]:
    database = fresh_database("orders", lambda url: migrate(url, "waybill_orders"))
    shop = Shop(database, sandbox_database, gateway_server.url)
    yield shop
    shop.audit()
    shop.close()
