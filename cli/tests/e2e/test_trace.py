"""An order that met a dead relay, a slow mail server and a replayed dead letter: the trace explains all three."""

from __future__ import annotations

import json
import os
import re
import secrets
import signal
from contextlib import closing
from uuid import uuid4

import psycopg2
import pytest
from click.testing import CliRunner
from waybill_cli.cli import main
from waybill_common.clock import rfc3339, utc_now
from waybill_common.messaging import connect_broker
from waybill_common.messaging.broker import Message, Outgoing
from waybill_standalone.platform import Platform
from waybill_testkit.smtp import SmtpCatcher
from waybill_testkit.waiting import eventually

from tests.e2e.client import Api, Person
from tests.e2e.conftest import ENVIRONMENT

# The time is that of a start of all processes on a machine that does other work too.
pytestmark = [pytest.mark.e2e, pytest.mark.timeout(1_200)]
RELAYS = ("orders-relay-1", "orders-relay-2")


@pytest.fixture(scope="module")
def smtp():
    with SmtpCatcher() as catcher:
        yield catcher


@pytest.fixture(scope="module")
def platform(smtp, tmp_path_factory):
    settings = ENVIRONMENT | {"WAYBILL_SMTP_URL": smtp.url}
    with Platform(tmp_path_factory.mktemp("trace"), "processes", settings) as platform:
        yield platform


@pytest.fixture(scope="module")
def waybill(platform):
    def run(*arguments):
        return CliRunner().invoke(main, ["--local", str(platform.folder), *arguments])

    return run


@pytest.fixture(scope="module")
def staff(platform):
    account = platform.accounts["staff"]
    return Person(Api(platform.urls), account["email"], account["password"]).sign_in()


def customer(platform, smtp):
    """Somebody new; his mails are in the catcher, as this platform has no mail page to read them from."""
    api = Api(platform.urls)
    person = Person(api, f"kim-{secrets.token_hex(4)}@waybill.example", secrets.token_urlsafe(18))
    api.call("auth", "POST /v1/register", {"email": person.email, "password": person.password}).expect(202)
    (mail,) = eventually(lambda: smtp.mails_to(person.email), within_seconds=60)
    token = re.search(r"#token=(\S+)", mail.text)[1]
    api.call("auth", "POST /v1/email/verify", {"token": token, "password": person.password}).expect(204)
    return person.sign_in()


def sql(platform, service, statement, *values):
    with closing(psycopg2.connect(platform.database_url(service))) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            cursor.execute(statement, values)
            return cursor.fetchall() if cursor.description else []


def findings(waybill, order, about):
    """What the trace says about a thing, and whether it is open."""
    told = json.loads(waybill("trace", order["number"], "--json").stdout)["findings"]
    return [(one["is_open"], one["text"]) for one in told if one["about"].startswith(about)]


def kill_relays(platform):
    platform.pause_restarts(RELAYS)
    for relay in platform.processes("relay", "orders"):
        os.kill(relay["pid"], signal.SIGKILL)
    eventually(lambda: not platform.processes("relay", "orders"), within_seconds=60)


def publish_unreadable(platform, order):
    """An event of the order in a version that nobody knows; returns its id and the form that is readable."""
    ((data,),) = sql(platform, "orders", "SELECT data FROM event_log WHERE subject = %s AND sequence = 1", order["id"])
    message_id = str(uuid4())
    good = {"specversion": "1.0", "id": message_id, "source": "/waybill/orders", "type": "orders.order.placed"}
    good |= {"subject": order["id"], "time": rfc3339(utc_now()), "sequence": "1", "data": data}
    bad = json.dumps({**good, "dataschema": "order.placed.v99"}).encode()
    message = Message("orders.order.placed", bad, message_id, {}, "orders.order.placed", 0)
    publisher = connect_broker(platform.amqp_url).publisher()
    publisher.publish([Outgoing("waybill.events", "orders.order.placed", message)])
    publisher.close()
    return message_id, json.dumps({**good, "dataschema": "order.placed.v1"}).encode()


def test_a_dead_relay_a_slow_mail_server_and_a_replayed_dead_letter_are_explained(platform, waybill, staff, smtp):
    body = {"name": "Thing", "unit_price": {"amount": 1990, "currency": "EUR"}, "active": True}
    staff.call("orders", "PUT /v1/products/SKU-T", body).expect(201)
    staff.stock("SKU-T", 10).expect(200)
    kim = customer(platform, smtp)

    # The relay is dead: the order is there, its event waits, and the trace says for whom.
    kill_relays(platform)
    order = kim.place({"SKU-T": 1}).expect(201).json
    ((is_open, text),) = findings(waybill, order, "outbox")
    assert (is_open, "no relay leads" in text) == (True, True)
    assert waybill("outbox").exit_code == 1
    assert [one["service"] for one in json.loads(waybill("stuck", "--json").stdout)["stuck"]] == ["orders"]

    # Meanwhile auth's events come through, so it can be neither the broker nor the consumer; but within a second of one
    # another nobody can tell which of two messages was kept waiting.
    waits = "SELECT 1 FROM outbox WHERE queued_at < clock_timestamp() - interval '2 s'"
    eventually(lambda: sql(platform, "orders", waits), within_seconds=120)
    customer(platform, smtp)
    apart = "SELECT 1 FROM inbox HAVING max(received_at) < clock_timestamp() - interval '4 s'"
    eventually(lambda: sql(platform, "notifier", apart), within_seconds=120)

    # It comes back while the mail server is slow.
    smtp.plan("data", "slow5x1")
    platform.resume_restarts()
    eventually(lambda: len(smtp.mails_to(kim.email)) >= 2, within_seconds=120)

    # A message about the order cannot be read; the cause is mended, and it is replayed.
    message_id, readable = publish_unreadable(platform, order)
    listed = eventually(
        lambda: json.loads(waybill("dead-letters", "list", "--json").stdout)["dead_letters"], within_seconds=60
    )
    ((is_open, text),) = findings(waybill, order, "dead letter")
    assert (is_open, "unsupported_version" in text) == (True, True)
    sql(platform, "notifier", "UPDATE dead_letter SET body = %s WHERE message_id = %s", readable, message_id)
    assert waybill("dead-letters", "replay", "notifier", listed[0]["id"]).exit_code == 0
    eventually(lambda: len(smtp.mails_to(kim.email)) >= 3, within_seconds=60)

    def all_is_told():
        return waybill("trace", order["number"]).exit_code == 0

    eventually(all_is_told, within_seconds=60)
    ((is_open, text),) = findings(waybill, order, "relay")
    assert not is_open
    assert "orders' relay" in text, waybill("trace", order["number"]).stdout
    ((is_open, text),) = findings(waybill, order, "mail")
    assert (is_open, "the mail server was slow" in text) == (False, True)
    ((is_open, text),) = findings(waybill, order, "dead letter")
    assert (is_open, f"replayed by {staff.id}" in text) == (False, True)
    assert findings(waybill, order, "outbox") == []
