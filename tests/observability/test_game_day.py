"""Game day: each fault on real processes fires its alert in a real Prometheus, and the repair resolves it.

The shipped rules run thirty times quicker: each window and each `for` of a minute is two seconds; expressions stay.
Alerts that only a cluster can raise (MigrationJobFailed, CertificateExpiring) are left to the promtool cases.
"""

from __future__ import annotations

import json
import threading
import uuid
from collections.abc import Iterator
from urllib.parse import urlsplit

import psycopg2
import pytest
import requests
from waybill_testkit.smtp import SmtpCatcher
from waybill_testkit.waiting import eventually

from tests.chaos.history import Command, History
from tests.chaos.shoppers import ADDRESS, SKUS
from tests.observability.day import Day
from tests.observability.watched import watched
from tools.observe.watchers import Options

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(900)]

QUICKER = Options(scrape_seconds=3, quicker=30)
FEW_CONNECTIONS = {"WAYBILL_ORDERS_DATABASE_POOL_SIZE": "3", "WAYBILL_DATABASE_POOL_TIMEOUT_SECONDS": "0.5"}
NOTIFIER_CONSUMERS = ["notifier-consumer-1", "notifier-consumer-2"]
ORDERS_CONSUMERS = ["orders-consumer-1", "orders-consumer-2"]


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Day]:
    with watched(tmp_path_factory.mktemp("day"), QUICKER, FEW_CONNECTIONS) as platform:
        one = Day(platform)
        with platform.customers(1):
            assert platform.until(lambda: bool(platform.watchers.query("service:sli_requests:rate5m")), 60)
        assert one.await_quiet(), platform.watchers.alerts()
        yield one


def place_order(day: Day) -> None:
    staff, key = day.watched.staff(), str(uuid.uuid4())
    body = {"lines": [{"sku": SKUS[0], "quantity": 1}], "shipping_address": ADDRESS, "note": key}
    assert staff.command(History(), Command("place", key, "/v1/orders", body, staff.name)).status == 201


def event(kind: str) -> bytes:
    """A well-formed event of a type that nobody knows yet: consumers acknowledge and ignore it."""
    envelope = {
        "specversion": "1.0",
        "id": str(uuid.uuid4()),
        "source": "/waybill/orders",
        "type": f"orders.{kind}",
        "subject": "ord_game_day",
        "time": "2026-01-01T00:00:00Z",
        "datacontenttype": "application/json",
        "dataschema": f"urn:waybill:event:orders.{kind}:v1",
        "sequence": "1",
        "data": {},
    }
    return json.dumps(envelope).encode()


def test_a_service_without_its_web(day: Day) -> None:
    with day.dead(["notifier-web"]):
        day.await_firing("ServiceDown", service="notifier", process="web")
    day.await_resolved("ServiceDown")


def test_one_of_two_relays_away(day: Day) -> None:
    with day.dead(["auth-relay-2"]):
        day.await_firing("MetricsTargetMissing", service="auth", process="relay")
        assert not day.is_in("firing", "ServiceDown", {"service": "auth"})
    day.await_resolved("MetricsTargetMissing")


def test_a_broker_that_is_away_while_orders_come_in(day: Day) -> None:
    with day.dead(["rabbitmq"]):
        place_order(day)
        # Five minutes of waiting are made to have passed; the relay's claim may hold the row for a moment.
        day.query("orders", "UPDATE outbox SET queued_at = queued_at - interval '10 minutes'")
        day.await_firing("OutboxStuck", service="orders")
    day.await_resolved("OutboxStuck")
    assert day.query("orders", "SELECT count(*) FROM outbox") == [(0,)]


def test_an_event_that_cannot_be_published(day: Day) -> None:
    day.query("auth", "INSERT INTO outbox (position, queued_at) VALUES (471147114711, now())")
    day.await_firing("OutboxDeadEvents", service="auth")
    assert day.query("auth", "SELECT position FROM outbox_dead") == [(471147114711,)]
    day.query("auth", "DELETE FROM outbox_dead")  # there is no event at that position, so nothing is lost with it
    day.await_resolved("OutboxDeadEvents")


def test_a_broker_short_of_memory(day: Day) -> None:
    day.rabbitmqctl("set_vm_memory_high_watermark", "absolute", "1MB")
    try:
        place_order(day)
        day.await_firing("BrokerPublishersBlocked")
    finally:
        day.rabbitmqctl("set_vm_memory_high_watermark", "absolute", "1GB")
    day.await_resolved("BrokerPublishersBlocked")


def test_messages_for_a_notifier_that_does_not_consume(day: Day) -> None:
    with day.dead(NOTIFIER_CONSUMERS):
        day.publish("waybill.events", "orders.order.wondered", event("order.wondered"), count=3)
        day.await_firing("NotifierNoConsumers", queue="notifier.events.v1")
    day.await_resolved("NotifierNoConsumers")


def test_messages_for_an_orders_that_does_not_consume(day: Day) -> None:
    with day.dead(ORDERS_CONSUMERS):
        day.publish("", "orders.events.v1", event("order.wondered"))
        day.await_firing("OrdersNoConsumers", queue="orders.events.v1")
    day.await_resolved("OrdersNoConsumers")


def test_a_queue_that_fills_quicker_than_it_empties(day: Day) -> None:
    over = threading.Event()

    def fill() -> None:
        with day.channel() as channel:
            while not over.is_set():
                for _ in range(100):
                    channel.basic_publish("waybill.events", "orders.order.wondered", event("order.wondered"))
                over.wait(0.5)

    with day.dead(NOTIFIER_CONSUMERS):
        filler = threading.Thread(target=fill, daemon=True)
        filler.start()
        try:
            day.await_firing("QueueGrowing", queue="notifier.events.v1")
        finally:
            over.set()
            filler.join(30)
    day.await_resolved("QueueGrowing")


def test_a_message_that_nobody_can_read(day: Day) -> None:
    day.publish("", "notifier.events.v1", b"not an event")
    day.await_firing("DeadLetterNotEmpty", queue="notifier.events.v1")
    headers, url = day.staff_headers(), day.platform.urls["notifier"]
    letters = requests.get(f"{url}/v1/dead-letters?state=open", headers=headers, timeout=10).json()["data"]
    assert [letter["queue"] for letter in letters] == ["notifier.events.v1"]
    for letter in letters:
        discard = f"{url}/v1/dead-letters/{letter['id']}/discard"
        answer = requests.post(discard, headers={**headers, "Idempotency-Key": str(uuid.uuid4())}, timeout=10)
        answer.raise_for_status()
    day.await_resolved("DeadLetterNotEmpty")


def test_a_message_for_which_no_queue_is_bound(day: Day) -> None:
    day.publish("waybill.events", "nobody.knows.this", b"{}")
    day.await_firing("UnroutableMessages")
    with day.channel() as channel:
        channel.queue_purge("waybill.unrouted")
    day.await_resolved("UnroutableMessages")


def test_a_client_that_reconnects_all_the_time(day: Day) -> None:
    def reconnect_until_it_fires() -> bool:
        with day.channel():
            return day.is_in("firing", "ConnectionChurnHigh", {})

    assert day.watched.until(reconnect_until_it_fires, 120)
    day.await_resolved("ConnectionChurnHigh")


def test_a_consumer_that_never_acknowledges(day: Day) -> None:
    """A client of our own plays it, on a queue of its own: the broker counts redeliveries of all queues."""
    with day.channel() as channel:
        queue = channel.queue_declare("", exclusive=True).method.queue
        for _ in range(10):
            channel.basic_publish("", queue, b"again")

        def refuse_until_it_fires() -> bool:
            for method, _, _ in channel.consume(queue, inactivity_timeout=0.05):
                if method is None:
                    break
                channel.basic_nack(method.delivery_tag, requeue=True)
                if method.delivery_tag % 50 == 0:
                    break
            channel.cancel()
            return day.is_in("firing", "RedeliveryRateHigh", {})

        assert day.watched.until(refuse_until_it_fires, 150)
    day.await_resolved("RedeliveryRateHigh")


def test_a_lock_that_a_person_forgot(day: Day) -> None:
    """Statements wait for the lock with their connections, and the others wait for a connection."""
    forgotten = psycopg2.connect(day.platform.database_url("orders"))
    forgotten.cursor().execute("LOCK TABLE products IN ACCESS EXCLUSIVE MODE")
    over = threading.Event()

    def look() -> None:
        while not over.is_set():
            requests.get(f"{day.platform.urls['orders']}/v1/products", timeout=60)

    lookers = [threading.Thread(target=look, daemon=True) for _ in range(16)]
    for one in lookers:
        one.start()
    try:
        day.await_firing("DbPoolSaturated", service="orders", process="web")
        day.await_firing("DbPoolTimeouts", service="orders", process="web")
    finally:
        forgotten.rollback()
        forgotten.close()
        over.set()
        for one in lookers:
            one.join(60)
    day.await_resolved("DbPoolSaturated")
    day.await_resolved("DbPoolTimeouts")


def test_jobs_that_no_worker_takes(day: Day) -> None:
    """A forgotten transaction holds the lanes, and a day is made to have passed."""
    url = day.platform.database_url("auth")
    late, forgotten = psycopg2.connect(url), psycopg2.connect(url)
    late.cursor().execute("UPDATE job_lane SET next_at = next_at - interval '1 day'")
    # It stands in line behind the update, so that no worker comes between.
    holder = threading.Thread(target=lambda: forgotten.cursor().execute("SELECT 1 FROM job_lane FOR UPDATE"))
    holder.start()
    eventually(lambda: day.query("auth", "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'"))
    late.commit()
    holder.join(30)
    try:
        day.await_firing("JobsOverdue", service="auth")
    finally:
        forgotten.rollback()
        forgotten.close()
        late.close()
    day.await_resolved("JobsOverdue")


def test_a_mail_provider_that_is_away(day: Day) -> None:
    with day.dead(["mail"]):
        for _ in range(8):
            place_order(day)
        day.await_firing("MailProviderUnavailable")
    day.await_resolved("MailProviderUnavailable")


def test_a_mail_that_the_server_refuses_for_what_it_says(day: Day) -> None:
    """The server refuses every mail for its content; another one takes over, and the hour passes."""
    with day.dead(["mail"]), SmtpCatcher(urlsplit(day.platform.smtp_url).port or 0) as server:
        server.plan("dot", "554.5.6.0")
        place_order(day)
        day.await_firing("NotificationsAlarming", channel="email", outcome="message")
    day.await_resolved("NotificationsAlarming")


def test_a_database_that_is_away_burns_the_budget(day: Day) -> None:
    over = threading.Event()

    def ask() -> None:
        while not over.is_set():
            requests.get(f"{day.platform.urls['orders']}/v1/products", timeout=30)
            over.wait(0.05)

    askers = [threading.Thread(target=ask, daemon=True) for _ in range(4)]
    for one in askers:
        one.start()
    try:
        with day.dead(["postgres"]):
            day.await_firing("ErrorBudgetBurnFast", slo="orders-availability")
            day.await_firing("ErrorBudgetBurnSlow", slo="orders-availability")
        day.await_resolved("ErrorBudgetBurnFast", slo="orders-availability", window="1h")
    finally:
        over.set()
        for one in askers:
            one.join(60)
