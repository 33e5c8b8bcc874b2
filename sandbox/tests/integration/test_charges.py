"""Charges over HTTP: every token, every change, keys that repeat, and what survives a crash."""

import secrets
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from waybill_sandbox.server import GatewayServer
from waybill_testkit.waiting import eventually

from .conftest import Client, euros

pytestmark = pytest.mark.integration


def test_an_approved_charge_is_captured_or_authorized_as_asked(client: Client) -> None:
    captured = client.charge("tok_approve")
    assert captured.status_code == 201
    assert captured.json()["status"] == "captured"
    assert captured.json()["captured"] == captured.json()["amount"] == euros(1000)
    authorized = client.charge("tok_approve", capture=False).json()
    assert (authorized["status"], authorized["captured"]) == ("authorized", euros(0))


@pytest.mark.parametrize(
    ("token", "code"), [("tok_decline", "card_declined"), ("tok_insufficient_funds", "insufficient_funds")]
)
def test_a_declined_charge_is_recorded_and_takes_nothing(client: Client, token: str, code: str) -> None:
    answer = client.charge(token)
    assert answer.status_code == 402
    assert (answer.json()["status"], answer.json()["code"], answer.json()["captured"]) == ("declined", code, euros(0))
    assert [charge["id"] for charge in client.get("/charges?reference=pay_1")["data"]] == [answer.json()["id"]]


def test_a_late_answer_belongs_to_a_charge_that_was_made(client: Client) -> None:
    answer = client.charge("tok_timeout")
    assert answer.status_code == 201
    assert client.get("/charges?reference=pay_1")["data"][0]["status"] == "captured"


def test_a_lost_request_charges_nothing(client: Client) -> None:
    assert client.charge("tok_timeout_lost").status_code == 504
    assert client.get("/log")["data"] == []


def test_the_slow_tokens_answer_when_the_gateway_closes_at_the_latest(
    start_gateway: Callable[..., GatewayServer],
) -> None:
    server = start_gateway(timeout_seconds=60)
    client = Client(server.url)
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(client.charge, "tok_timeout", "slow")
        [made] = eventually(lambda: client.get("/charges?reference=pay_1")["data"])
        assert not waiting.done()
        server.stop()
        assert waiting.result(timeout=20).json() == made


def test_a_flaky_gateway_fails_twice_for_a_key_then_charges_once(client: Client) -> None:
    answers = [client.charge("tok_flaky", "same").status_code for _ in range(4)]
    assert answers == [503, 503, 201, 201]
    assert len(client.get("/log")["data"]) == 1


def test_an_unknown_token_or_a_strange_body_is_refused_before_anything_is_kept(client: Client) -> None:
    assert client.charge("tok_gold").status_code == 422
    assert client.charge("tok_approve", amount=euros(0)).status_code == 422
    assert client.charge("tok_approve", amount=10).status_code == 400
    assert client.charge("tok_approve", tip=1).json()["code"] == "unknown_field"
    assert client.get("/log")["data"] == []


def test_a_key_is_required_and_answers_the_same_for_ever(client: Client) -> None:
    first = client.charge("tok_approve", "key-1")
    again = client.charge("tok_approve", '"key-1"')
    assert (again.status_code, again.content) == (201, first.content)
    other = client.charge("tok_approve", "key-1", amount=euros(999))
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    assert client.charge("tok_decline", "key-2").content == client.charge("tok_decline", "key-2").content
    assert client.charge("tok_approve", "k" * 256).json()["code"] == "idempotency_key_required"
    assert len(client.get("/log")["data"]) == 2


def test_thirty_equal_requests_at_once_are_one_charge(client: Client) -> None:
    with ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(lambda _: client.charge("tok_approve", "parallel"), range(30)))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.content for answer in answers}) == 1
    assert len(client.get("/log")["data"]) == 1


def test_capture_void_and_refund_are_keyed_and_capped(client: Client) -> None:
    path = f"/charges/{client.charge('tok_approve', capture=False).json()['id']}"
    part = client.post(f"{path}/capture", {"amount": euros(400)}, "c1")
    assert part.status_code == 200
    assert client.post(f"{path}/capture", {"amount": euros(400)}, "c1").content == part.content
    assert client.post(f"{path}/capture", {"amount": euros(601)}).json()["code"] == "amount_too_large"
    assert client.post(f"{path}/capture", {"amount": {"amount": 1, "currency": "USD"}}).status_code == 422
    released = client.post(f"{path}/void").json()
    assert (released["status"], released["released"]) == ("captured", euros(600))
    assert client.post(f"{path}/capture").json()["code"] == "charge_state"
    assert client.post(f"{path}/refund", {"amount": euros(100)}).json()["refunded"] == euros(100)
    assert client.post(f"{path}/refund", {"amount": euros(301)}).status_code == 409
    assert client.post(f"{path}/refund").json()["refunded"] == euros(400)
    assert client.post("/charges/chg_none/refund").status_code == 404


def test_parallel_refunds_never_give_back_more_than_was_taken(client: Client) -> None:
    charge = client.charge("tok_approve").json()
    with ThreadPoolExecutor(8) as pool:
        statuses = list(
            pool.map(
                lambda _: client.post(f"/charges/{charge['id']}/refund", {"amount": euros(300)}).status_code, range(8)
            )
        )
    assert sorted(statuses) == [200] * 3 + [409] * 5
    assert client.get("/log")["data"][0]["refunded"] == euros(900)


def test_the_log_tells_every_operation_with_its_key(client: Client) -> None:
    charge = client.charge("tok_approve", "k1", capture=False).json()
    client.post(f"/charges/{charge['id']}/capture", {"amount": euros(700)}, "k2")
    client.post(f"/charges/{charge['id']}/refund", {"amount": euros(200)}, "k3")
    [logged] = client.get("/log")["data"]
    assert logged["token"] == "tok_approve"
    told = [(entry["operation"], entry["amount"], entry["idempotency_key"]) for entry in logged["entries"]]
    assert told == [("charge", 1000, "k1"), ("capture", 700, "k2"), ("refund", 200, "k3")]


def test_what_was_answered_is_still_there_after_another_process_starts(
    start_gateway: Callable[..., GatewayServer],
) -> None:
    before = Client(start_gateway().url)
    first = before.charge("tok_approve", "survives")
    after = Client(start_gateway().url)
    assert after.charge("tok_approve", "survives").content == first.content
    assert after.get("/log") == before.get("/log")


def test_health_and_unknown_routes(client: Client) -> None:
    assert client.get("/livez") == client.get("/readyz") == {"status": "ok"}
    for nul in (client.post("/charges/%00/void"), client.post("/charges?reference=%00")):
        assert (nul.status_code, nul.json()["code"]) == (400, "invalid_address")
    missing = client.post("/refunds")
    assert (missing.status_code, missing.json()["code"]) == (404, "not_found")
    assert missing.headers["Content-Type"] == "application/problem+json"
    big = client.charge("tok_approve", reference=secrets.token_hex(20_000))
    assert big.status_code == 413
