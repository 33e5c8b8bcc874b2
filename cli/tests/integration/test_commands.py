"""Every command against a platform in one process: what it says, in both forms, and how it ends."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path
from uuid import uuid4

import psycopg2
import pytest
from click.testing import CliRunner
from waybill_cli.cli import main
from waybill_common.messaging import connect_broker
from waybill_common.messaging.broker import Message, Outgoing
from waybill_testkit.waiting import eventually

pytestmark = pytest.mark.integration


def answer(result):
    return json.loads(result.stdout)


@pytest.fixture
def sql(platform):
    def run(service, statement, *values):
        with closing(psycopg2.connect(platform.database_url(service))) as connection:
            connection.autocommit = True
            connection.cursor().execute(statement, values)

    return run


@pytest.fixture
def dead_letter(platform, waybill):
    """A letter that lies open at notifier: no consumer knows the version of its event."""
    message_id = str(uuid4())
    body = {"specversion": "1.0", "id": message_id, "source": "/waybill/orders", "type": "orders.order.placed"}
    body |= {"subject": "ord_none", "time": "2026-01-02T03:04:05Z", "dataschema": "order.placed.v99", "data": {}}
    message = Message("orders.order.placed", json.dumps(body).encode(), message_id, {}, "orders.order.placed", 0)
    publisher = connect_broker(platform.amqp_url).publisher()
    publisher.publish([Outgoing("waybill.events", "orders.order.placed", message)])
    publisher.close()

    def filed():
        letters = answer(waybill("dead-letters", "list", "--json"))["dead_letters"]
        return next((letter for letter in letters if letter["message_id"] == message_id), None)

    return eventually(filed, within_seconds=60)


def test_a_trace_tells_the_whole_way_of_an_order_by_its_number(waybill, paid_order):
    result = waybill("trace", paid_order["number"], "--json")
    told = answer(result)
    assert result.exit_code == 0, told["findings"]
    whats = [one["what"] for one in told["timeline"]]
    for what in (
        "order.placed",
        "received order.placed",
        "mail order_placed: attempt 1: sent",
        "payment attempt 1: captured",
        "order.confirmed",
        "mail payment_received: attempt 1: sent",
    ):
        assert what in whats
    of = {one["what"]: one for one in told["timeline"]}
    assert len(of["order.placed"]["trace_id"]) == 32
    assert of["received order.placed"]["trace_id"] == of["order.placed"]["trace_id"]
    assert [one["at"] for one in told["timeline"]] == sorted(one["at"] for one in told["timeline"])


def test_a_trace_for_people_is_a_table_in_the_order_of_time(waybill, paid_order):
    result = waybill("trace", paid_order["id"])
    assert result.exit_code == 0
    assert result.stdout.index("order.placed") < result.stdout.index("order.confirmed")
    assert paid_order["number"] in result.stdout


def test_an_unknown_order_is_wrong_use(waybill):
    assert waybill("trace", "ord_unknown").exit_code == 2
    assert waybill("trace", "9999999").exit_code == 2


def test_without_a_platform_the_status_says_unreachable(tmp_path):
    for command in (["stuck"], ["doctor"], ["trace", "1"], ["queues"]):
        result = CliRunner().invoke(main, ["--local", str(tmp_path), *command])
        assert result.exit_code == 3
        assert "make up" in result.stderr


def test_nothing_is_stuck_on_a_healthy_platform_and_every_check_passes(waybill, paid_order):
    result = waybill("stuck", "--json")
    assert (result.exit_code, answer(result)["stuck"]) == (0, [])
    result = waybill("doctor", "--json")
    assert [one for one in answer(result)["checks"] if one["verdict"] != "ok"] == []
    assert result.exit_code == 0
    for command in ("outbox", "queues"):
        assert waybill(command).exit_code == 0


def test_work_that_failed_is_stuck_and_says_why(waybill, paid_order, sql):
    values = "'x', 'tidy', '{}', 'failed', now(), 'boom'"
    sql("orders", f"INSERT INTO job (lane, kind, payload, state, finished_at, error) VALUES ({values})")
    result = waybill("stuck", "--json")
    sql("orders", "DELETE FROM job WHERE kind = 'tidy'")
    assert result.exit_code == 1
    (found,) = answer(result)["stuck"]
    assert (found["kind"], found["service"], found["why"]) == ("job", "orders", "failed: boom")


def test_a_dead_letter_is_listed_shown_replayed_and_dies_again(waybill, dead_letter):
    assert waybill("dead-letters", "list").exit_code == 1
    shown = waybill("dead-letters", "show", "notifier", dead_letter["id"])
    assert (shown.exit_code, "unsupported_version" in shown.stdout) == (0, True)
    stuck = answer(waybill("stuck", "--json"))["stuck"]
    assert dead_letter["id"] in json.dumps([one for one in stuck if one["kind"] == "dead letter"])
    waybill("dead-letters", "replay", "notifier", dead_letter["id"])

    def died_again():
        letter = answer(waybill("dead-letters", "show", "notifier", dead_letter["id"], "--json"))["dead_letter"]
        return letter["count"] == 2

    eventually(died_again, within_seconds=60)


def test_discarding_asks_first_and_a_discarded_letter_is_refused_a_replay(waybill, dead_letter):
    assert waybill("dead-letters", "discard", "notifier", dead_letter["id"], input="n\n").exit_code == 1
    assert waybill("dead-letters", "discard", "notifier", dead_letter["id"], "--yes").exit_code == 0
    refused = waybill("dead-letters", "replay", "notifier", dead_letter["id"])
    assert (refused.exit_code, "dead_letter_settled" in refused.stderr) == (4, True)


def test_the_audit_finds_what_breaks_an_invariant(waybill, paid_order, sql):
    assert waybill("audit").exit_code == 0
    sql("orders", "UPDATE stock SET on_hand = on_hand + 1 WHERE sku = 'SKU-CLI'")
    try:
        result = waybill("audit", "--json")
        assert result.exit_code == 1
        assert any("sum of its movements" in one["about"] for one in answer(result)["findings"])
    finally:
        sql("orders", "UPDATE stock SET on_hand = on_hand - 1 WHERE sku = 'SKU-CLI'")


def test_accounts_and_keys_are_changed_by_the_services_own_commands(waybill, platform):
    email = platform.accounts["customer"]["email"]
    assert "disabled" in waybill("users", "suspend", email).stdout
    assert "enabled" in waybill("users", "restore", email).stdout
    made = answer(waybill("users", "create-admin", "boss@waybill.example", "--json"))
    assert "/reset#token=" in made["said"][1]
    assert waybill("users", "suspend", "nobody@waybill.example").exit_code == 4
    assert waybill("keys", "rotate").exit_code == 0


def test_a_deployed_platform_is_named_by_the_environment(platform, paid_order, monkeypatch, tmp_path):
    password = Path(tmp_path / "password")
    password.write_text(platform.accounts["staff"]["password"])
    for service in ("auth", "orders", "notifier"):
        monkeypatch.setenv(f"WAYBILL_{service.upper()}_URL", platform.urls[service])
    monkeypatch.setenv("WAYBILL_CLI_EMAIL", platform.accounts["staff"]["email"])
    monkeypatch.setenv("WAYBILL_CLI_PASSWORD_FILE", str(password))
    told = answer(CliRunner().invoke(main, ["trace", paid_order["number"], "--json"]))
    assert told["order"]["id"] == paid_order["id"]
    # Without databases and broker a part of the way is not known, and the answer says so.
    assert {"the event log", "the broker"} <= {one["about"] for one in told["findings"]}
    whats = [one["what"] for one in told["timeline"]]
    assert {"order.placed", "mail order_placed: attempt 1: sent"} <= set(whats)
    assert "received order.placed" not in whats
