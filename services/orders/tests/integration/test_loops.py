"""The loops beside the web, as the processes and the standalone run them, on the embedded broker."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from prometheus_client import CollectorRegistry
from waybill_common.ids import uuid7
from waybill_common.messaging import NewEvent, RelayMetrics, append_events, connect_broker
from waybill_common.messaging.relay import Relay
from waybill_orders.config import Settings
from waybill_orders.worker import run_consumer, run_relay, run_worker
from waybill_testkit.waiting import eventually

from .service import Service

pytestmark = pytest.mark.integration

FreshDatabase = Callable[..., str]


@contextmanager
def running(loop: Callable[[Settings, threading.Event], None], settings: Settings) -> Iterator[None]:
    stop = threading.Event()
    thread = threading.Thread(target=loop, args=(settings, stop))
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(timeout=30)
        assert not thread.is_alive()


@pytest.fixture
def settings(service: Service, fresh_database: FreshDatabase) -> Settings:
    # A known address where nobody listens: the feed must go on without auth.
    given = {"amqp_url": fresh_database(), "auth_url": "http://127.0.0.1:9", "expire_every_seconds": 0.2}
    return Settings.model_validate(service.settings.model_dump(exclude_defaults=True) | given)


def test_the_worker_expires_an_unpaid_order_by_itself(service: Service, settings: Settings) -> None:
    service.product("A")
    order = service.placed(("A", 1))
    service.execute("UPDATE orders SET expires_at = now()")
    with running(run_worker, settings):
        assert eventually(lambda: service.order(order["id"])["status"] == "expired")
        assert eventually(lambda: service.count("job") == 3)
    assert service.level("A") == (100, 0)


def test_two_workers_share_one_row_for_each_recurring_job(service: Service, settings: Settings) -> None:
    with running(run_worker, settings), running(run_worker, settings):
        assert eventually(lambda: service.count("job") == 3)
    assert {row["kind"] for row in service.rows("SELECT kind FROM job")} == {
        "clean_up",
        "expire_orders",
        "settle_payments",
    }


def test_the_relay_empties_the_outbox(service: Service, settings: Settings) -> None:
    service.product("A")
    service.placed(("A", 1))
    assert service.count("outbox") > 0
    with running(run_relay, settings):
        assert eventually(lambda: service.count("outbox") == 0)


def test_a_session_revoked_by_auth_arrives_in_the_table(
    service: Service, settings: Settings, fresh_database: FreshDatabase
) -> None:
    data = {"sid": "ses_1", "until": int(time.time()) + 600}
    with service.engine.begin() as connection:
        # Auth's relay is played by one on this database: what it publishes is the same message.
        append_events(connection, [NewEvent("auth.session.revoked", f"usr_{uuid7().hex}", data)])
    broker = connect_broker(settings.amqp_url.get_secret_value())
    relay = Relay(service.url, broker, "auth", RelayMetrics(CollectorRegistry()))
    with running(run_consumer, settings), running(lambda _, stop: relay.run(stop), settings):
        assert eventually(lambda: service.count("revocation") == 1)
    assert service.count("inbox") == 1
