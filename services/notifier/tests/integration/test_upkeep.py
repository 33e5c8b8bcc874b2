"""Retention, suppressions by hand, revocations, and the consumer on a real (embedded) broker."""

import threading

import orjson
import pytest
from click.testing import CliRunner
from notifier_support.events import event, order_data
from waybill_common.clock import rfc3339
from waybill_common.messaging.broker import Outgoing
from waybill_common.messaging.brokers import connect_broker
from waybill_common.messaging.events import LoggedEvent, build_message
from waybill_common.messaging.topology import EVENTS_EXCHANGE, WAYBILL_TOPOLOGY
from waybill_notifier.bootstrap import lift_suppression
from waybill_notifier.cli import main
from waybill_notifier.consumers.revocation_feed import RevocationFeed
from waybill_notifier.domain.directory import DirectoryUnavailableError
from waybill_notifier.repositories.retention import LedgerRetention
from waybill_notifier.use_cases.purge_old import purge_old
from waybill_notifier.worker import run_consumer
from waybill_testkit.waiting import eventually

pytestmark = pytest.mark.integration


def test_facts_go_after_30_days_and_the_ledger_after_13_months(notifier):
    for age in ("1 day", "31 days", "14 months"):
        delivery_id = notifier.order_event(f"ann{age.split()[0]}@example.test")
        notifier.until(delivery_id, "sent")
        for table, name in (("notification", "notification_id"), ("delivery", "id")):
            notifier.rows(
                f"UPDATE {table} SET created_at = now() - %s::interval "
                f"WHERE id = (SELECT {name} FROM delivery WHERE id = %s)",
                age,
                delivery_id,
            )
    purge_old(LedgerRetention(notifier.engine))
    rows = notifier.rows("SELECT facts IS NOT NULL AS has FROM notification ORDER BY created_at DESC")
    assert [row["has"] for row in rows] == [True, False]
    assert notifier.row("SELECT count(*) FROM delivery")["count"] == 2
    assert notifier.row("SELECT count(DISTINCT delivery_id) FROM delivery_attempt")["count"] == 2


def test_the_recurring_job_is_there_once(notifier):
    query = "SELECT kind, every_seconds FROM job WHERE every_seconds IS NOT NULL"
    assert eventually(lambda: notifier.rows(query)) == [{"kind": "retention", "every_seconds": 3600.0}]
    notifier.stop()
    notifier.start()
    notifier.until(notifier.order_event("ann@example.test"), "sent")
    assert len(notifier.rows(query)) == 1


def test_a_suppression_is_lifted_by_hand(notifier, catcher):
    address = "550.5.1.1x1+ok@example.test"
    notifier.until(notifier.order_event(address), "failed")
    assert lift_suppression(notifier.settings, address.upper().replace("X1+OK", "x1+ok"))
    assert not lift_suppression(notifier.settings, address)
    notifier.until(notifier.order_event(address), "sent")


def test_revocations_are_applied_once_per_event(notifier):
    revoked = event("auth.session.revoked", {"sid": "ses_1", "until": 4102444800}, subject="usr_1")
    notifier.handle(revoked)
    notifier.handle(revoked)
    rows = notifier.rows("SELECT kind, id, until FROM revocation")
    assert rows == [{"kind": "sid", "id": "ses_1", "until": 4102444800}]


def test_the_feed_lives_only_once_it_is_seeded_and_subscribed():
    seeds, noted, state = [], [], {"seeded": False, "subscribed": False}

    def seed():
        if not state["seeded"]:
            raise DirectoryUnavailableError("auth is away")
        seeds.append(1)
        return 0

    feed = RevocationFeed(seed, lambda: noted.append(1), lambda: state["subscribed"])
    feed.turn()
    state["subscribed"] = True
    feed.turn()
    assert noted == []
    state["seeded"] = True
    feed.turn()
    feed.turn()
    assert (len(seeds), len(noted)) == (1, 2)


def test_the_consumer_takes_events_from_the_queue_and_seeds_revocations(notifier, fresh_database, auth, catcher):
    broker_url = fresh_database()
    auth.revocations = [{"kind": "sub", "id": "usr_9", "not_before": 5, "until": 4102444800}]
    settings = notifier.settings.model_copy(update={"amqp_url": type(notifier.settings.amqp_url)(broker_url)})
    broker = connect_broker(broker_url)
    broker.declare(WAYBILL_TOPOLOGY)
    placed = event("orders.order.placed", order_data(notifier.customer("ann@example.test")))
    logged = LoggedEvent(
        id=placed.id,
        type=placed.type,
        schema_version=1,
        subject=placed.subject,
        sequence=1,
        time=rfc3339(placed.time),
        epoch_seconds=int(placed.time.timestamp()),
        data=orjson.dumps(placed.data).decode(),
    )
    publisher = broker.publisher()
    for _ in range(3):
        publisher.publish([Outgoing(EVENTS_EXCHANGE, placed.type, build_message(logged))])
    publisher.close()
    stop = threading.Event()
    consumer = threading.Thread(target=run_consumer, args=(settings, stop))
    consumer.start()
    try:
        eventually(lambda: catcher.mails_to("ann@example.test"))
        eventually(lambda: notifier.rows("SELECT 1 FROM feed_state"))
        assert notifier.row("SELECT id FROM revocation")["id"] == "usr_9"
    finally:
        stop.set()
        consumer.join(30)
    assert not consumer.is_alive()
    assert len(catcher.messages) == 1


def test_check_config_says_every_fault(monkeypatch):
    monkeypatch.setenv("WAYBILL_SMTP_URL", "smtp://mail.example?tls=off")
    monkeypatch.delenv("WAYBILL_NOTIFIER_DATABASE_URL", raising=False)
    result = CliRunner().invoke(main, ["check-config"])
    assert result.exit_code == 2
    for name in ("WAYBILL_SMTP_URL", "WAYBILL_NOTIFIER_DATABASE_URL", "WAYBILL_NOTIFIER_SECRET_KEY"):
        assert name in result.output


def test_the_commands():
    assert set(main.commands) == {"web", "consume", "work", "migrate", "check-config", "lift-suppression"}
