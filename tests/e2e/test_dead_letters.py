"""What cannot be handled is kept, shown, replayed once; what is only late is not."""

import json
import os
import signal
from contextlib import contextmanager
from uuid import uuid4

import pytest
import requests
from waybill_common.clock import rfc3339, utc_now
from waybill_common.messaging import connect_broker
from waybill_common.messaging.broker import Message, Outgoing
from waybill_standalone.config import SERVICES
from waybill_testkit.waiting import eventually

pytestmark = pytest.mark.e2e


def _publish(platform, body, message_id):
    message = Message(
        routing_key="orders.order.placed",
        body=json.dumps(body).encode(),
        message_id=message_id,
        headers={},
        type="orders.order.placed",
        timestamp=0,
    )
    publisher = connect_broker(platform.amqp_url).publisher()
    publisher.publish([Outgoing("waybill.events", "orders.order.placed", message)])
    publisher.close()


def _letters(staff, message_id):
    letters = staff.get("notifier", "/v1/dead-letters?state=open").expect(200).json["data"]
    return [letter for letter in letters if letter["message_id"] == message_id]


def test_a_dead_letter_is_listed_replayed_and_has_its_effect_once(platform, kim, staff, mailbox, product, sql):
    order = kim.place({product(): 1}).expect(201).json
    mailbox.wait(kim.email, 2)
    (known,) = sql("orders", "SELECT data FROM event_log WHERE subject = %s AND sequence = 1", order["id"])
    message_id = str(uuid4())
    good = {
        "specversion": "1.0",
        "id": message_id,
        "source": "/waybill/orders",
        "type": "orders.order.placed",
        "subject": order["id"],
        "time": rfc3339(utc_now()),
        "datacontenttype": "application/json",
        "dataschema": "order.placed.v1",
        "sequence": "1",
        "data": known[0],
    }
    _publish(platform, {**good, "dataschema": "order.placed.v99"}, message_id)
    (letter,) = eventually(lambda: _letters(staff, message_id), within_seconds=60)
    assert "99" in json.dumps(letter["reason"]) + json.dumps(letter.get("error"))
    # The fault is mended (here: the message; in life: the code), and the letter is handled as if it had just come.
    sql("notifier", "UPDATE dead_letter SET body = %s WHERE message_id = %s", json.dumps(good).encode(), message_id)
    route = f"POST /v1/dead-letters/{letter['id']}/replay"
    staff.call("notifier", route, {}, Idempotency_Key=f"{uuid4()}").expect(200, 202)
    mailbox.wait(kim.email, 3)
    eventually(lambda: not _letters(staff, message_id), within_seconds=60)
    _publish(platform, good, message_id)
    marker = kim.place({product(): 1}).expect(201).json
    mails = mailbox.wait(kim.email, 4)
    assert sum(marker["number"] in mail["text"] for mail in mails) == 1
    assert sum(order["number"] in mail["text"] for mail in mails) == 2
    assert len(mailbox.of(kim.email)) == 4


def test_after_a_restart_of_the_database_orders_and_mails_go_on(platform, kim, mailbox, product):
    sku = product()
    (postgres,) = platform.processes("postgres")
    os.kill(postgres["pid"], signal.SIGKILL)
    eventually(lambda: kim.place({sku: 1}).status == 201, within_seconds=60)
    mailbox.wait(kim.email, 2)


# The embedded broker is away together with the database; the restart above is the standalone runner's case.
@pytest.mark.parametrize("mode", ["processes"], indirect=True, scope="session")
def test_while_the_database_is_away_nothing_is_dead_lettered(platform, kim, staff, mailbox, product, sql):
    consumers = platform.processes("consumer", "notifier")
    sku = product()
    for consumer in consumers:
        os.kill(consumer["pid"], signal.SIGSTOP)
    orders = [kim.place({sku: 1}).expect(201).json for _ in range(3)]
    eventually(lambda: not sql("orders", "SELECT 1 FROM outbox"), within_seconds=60)
    with _no_database(platform):
        for consumer in consumers:
            os.kill(consumer["pid"], signal.SIGCONT)
        eventually(lambda: _holds(platform) >= 5, within_seconds=120)
    mails = mailbox.wait(kim.email, 4)
    assert all(any(order["number"] in mail["text"] for mail in mails) for order in orders)
    for service in SERVICES:
        eventually(lambda service=service: staff.get(service, "/v1/dead-letters").status == 200, within_seconds=60)
        assert staff.get(service, "/v1/dead-letters?state=open").json["data"] == []
    broker = connect_broker(platform.amqp_url)
    assert broker.depth("notifier.events.v1.dlq") == broker.depth("orders.events.v1.dlq") == 0


@contextmanager
def _no_database(platform):
    """PostgreSQL killed and kept dead; afterwards it is back and the services have found it."""
    platform.pause_restarts(["postgres"])
    try:
        (postgres,) = platform.processes("postgres")
        os.kill(postgres["pid"], signal.SIGKILL)
        eventually(lambda: not platform.processes("postgres"), within_seconds=30)
        yield
    finally:
        platform.resume_restarts()
        for service in SERVICES:
            url = f"http://127.0.0.1:{int(platform.urls[service].rpartition(':')[2]) + 1000}/readyz"
            eventually(lambda url=url: requests.get(url, timeout=10).status_code == 200, within_seconds=90)


def _holds(platform):
    """How often the notifier's consumers have said that they keep a message and wait."""
    return sum(
        path.read_text().count("consumer_holds") for path in platform.folder.glob("logs/notifier-consumer-*.log")
    )
