"""A fresh database with events, inbox and effects, and an empty broker of each kind."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
import sqlalchemy as sa
import structlog
from waybill_common.database import EngineOptions, make_engine
from waybill_common.messaging import Broker, connect_broker

from .support import TEMPLATE, TOPOLOGY, Flow, build


@pytest.fixture(autouse=True)
def _plain_logs() -> Iterator[None]:
    """structlog's default draws a failure with all its local variables, which takes seconds."""
    shape = [
        structlog.processors.add_log_level,
        structlog.processors.format_exc_info,
        structlog.processors.KeyValueRenderer(),
    ]
    structlog.configure(processors=shape)
    yield
    structlog.reset_defaults()


@pytest.fixture
def database_url(fresh_database: Callable[..., str]) -> str:
    return fresh_database(TEMPLATE, build)


@pytest.fixture
def engine(database_url: str) -> Iterator[sa.Engine]:
    engine = make_engine(database_url, EngineOptions(application_name="test", pool_size=8))
    yield engine
    engine.dispose()


@pytest.fixture(params=["rabbitmq", "embedded"])
def broker(request: pytest.FixtureRequest) -> Broker:
    """Each kind of broker, empty, with the topology declared."""
    if request.param == "rabbitmq":
        url = request.getfixturevalue("amqp_url")
    else:
        url = request.getfixturevalue("fresh_database")()
    broker = connect_broker(url)
    broker.declare(TOPOLOGY)
    return broker


@pytest.fixture
def flow(database_url: str, engine: sa.Engine, broker: Broker) -> Flow:
    return Flow(database_url, engine, broker)
