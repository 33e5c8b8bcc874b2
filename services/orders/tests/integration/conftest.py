"""A fresh service for each test, and the audit after it."""

from collections.abc import Callable, Iterator

import pytest
from waybill_common.database import migrate

from .service import Service

FreshDatabase = Callable[..., str]


@pytest.fixture
def orders_database(fresh_database: FreshDatabase) -> str:
    return fresh_database("orders", lambda url: migrate(url, "waybill_orders"))


@pytest.fixture
def service(orders_database: str) -> Iterator[Service]:
    service = Service(orders_database)
    yield service
    broken = service.audit()
    service.close()
    assert broken == []
