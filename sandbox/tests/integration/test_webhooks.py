"""Webhooks: signed, retried until 2xx under one id, and sent for what settles later."""

import json
from collections.abc import Callable

import pytest
from standardwebhooks import Webhook
from waybill_sandbox.server import GatewayServer
from waybill_testkit.waiting import eventually

from .conftest import SECRET, Client, Receiver, euros

pytestmark = pytest.mark.integration


def test_every_change_of_a_charge_is_told_signed(client: Client, receiver: Receiver) -> None:
    charge = client.charge("tok_approve", capture=False).json()
    client.post(f"/charges/{charge['id']}/capture")
    client.post(f"/charges/{charge['id']}/refund", {"amount": euros(1)})
    eventually(lambda: len(receiver.received) == 3)
    told = [Webhook(SECRET).verify(body, headers) for headers, body in receiver.received]
    assert [message["type"] for message in told] == ["charge.authorized", "charge.captured", "charge.captured"]
    assert told[-1]["data"]["refunded"] == euros(1)
    assert set(told[0]) == {"type", "timestamp", "data"}


def test_an_asynchronous_charge_is_pending_then_told(client: Client, receiver: Receiver) -> None:
    answer = client.charge("tok_async")
    assert (answer.status_code, answer.json()["status"]) == (202, "pending")
    eventually(lambda: client.get("/charges?reference=pay_1")["data"][0]["status"] == "captured")
    eventually(lambda: len(receiver.received) == 2)
    assert sorted(json.loads(body)["type"] for _, body in receiver.received) == ["charge.captured", "charge.pending"]


def test_a_webhook_is_repeated_under_its_id_until_it_is_taken(client: Client, receiver: Receiver) -> None:
    receiver.answers = [500, 302, 404]
    client.charge("tok_approve")
    eventually(lambda: len(receiver.received) == 4)
    assert len({headers["webhook-id"] for headers, _ in receiver.received}) == 1
    assert len({body for _, body in receiver.received}) == 1
    client.charge("tok_approve")
    eventually(lambda: len(receiver.received) == 5)


def test_webhooks_wait_in_their_rows_for_a_process_that_knows_where_to(
    start_gateway: Callable[..., GatewayServer], receiver: Receiver
) -> None:
    silent = start_gateway(webhook_url="", webhook_secret="")
    Client(silent.url).charge("tok_approve")
    silent.stop()
    assert receiver.received == []
    start_gateway()
    eventually(lambda: len(receiver.received) == 1)
