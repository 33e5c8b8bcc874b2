"""Service, worker and gateway, each listening: webhooks over HTTP, sweeper and returns by themselves."""

import threading
from collections.abc import Callable, Iterator

import pytest
from waybill_orders.config import Settings
from waybill_orders.worker import run_worker
from waybill_sandbox.config import Settings as SandboxSettings
from waybill_sandbox.server import GatewayServer
from waybill_testkit.waiting import eventually, free_port
from werkzeug.serving import make_server

from .shop import ANN, SECRET, Shop, euros

pytestmark = pytest.mark.integration


@pytest.fixture
def listening(shop: Shop) -> Iterator[str]:
    server = make_server("127.0.0.1", free_port(), shop.app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def telling_gateway(shop: Shop, sandbox_database: str, listening: str) -> Iterator[GatewayServer]:
    """A second process of the same gateway, which knows where webhooks go."""
    settings = {
        "database_url": sandbox_database,
        "web_port": free_port(),
        "webhook_url": f"{listening}/v1/webhooks/payments/sandbox",
        "webhook_secret": SECRET,
        "webhook_backoff_seconds": 0.05,
    }
    server = GatewayServer(SandboxSettings.model_validate(settings))
    server.start()
    yield server
    server.stop()


@pytest.fixture
def worker(shop: Shop) -> Iterator[Callable[[], None]]:
    stop = threading.Event()
    url = shop.engine.url.render_as_string(hide_password=False)
    settings = Settings.model_validate({"database_url": url, "gateway_url": shop.gateway_url})
    thread = threading.Thread(target=run_worker, args=(settings, stop), daemon=True)
    yield thread.start
    stop.set()
    thread.join(timeout=30)


def test_a_webhook_confirms_a_pending_payment(shop: Shop, telling_gateway: GatewayServer) -> None:
    order_id = shop.place()
    assert shop.pay(order_id, "tok_async").status_code == 202
    eventually(lambda: shop.order(order_id)["status"] == "confirmed")
    assert shop.events(order_id)[1:] == ["payment.captured", "order.confirmed"]


def test_the_gateway_repeats_what_the_service_could_not_take(shop: Shop, telling_gateway: GatewayServer) -> None:
    shop.execute("ALTER TABLE gateway_events RENAME TO gone")
    order_id = shop.place()
    assert shop.pay(order_id, "tok_async").status_code == 202
    eventually(lambda: shop.charges()[0]["status"] == "captured")
    assert shop.order(order_id)["status"] == "pending"
    shop.execute("ALTER TABLE gone RENAME TO gateway_events")
    eventually(lambda: shop.order(order_id)["status"] == "confirmed")


def test_the_worker_finds_a_charge_that_answered_too_late(shop: Shop, worker: Callable[[], None]) -> None:
    order_id = shop.place()
    assert shop.pay(order_id, "tok_timeout").status_code == 202
    worker()
    eventually(lambda: shop.order(order_id)["status"] == "confirmed")
    assert len(shop.charges()) == 1


def test_the_worker_returns_the_money_of_a_cancelled_order(shop: Shop, worker: Callable[[], None]) -> None:
    worker()
    order_id, _ = shop.paid_order()
    assert shop.post(f"/v1/orders/{order_id}/cancel", {"reason": "changed my mind"}, who=ANN).status_code == 200
    eventually(lambda: shop.order(order_id)["refunded"] == euros(2000))
    assert shop.events(order_id)[3:] == ["order.canceled", "refund.created", "refund.succeeded"]
