"""The routes of the dead letters: who may use them, what they show, and that a key replays its answer."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient
from prometheus_client import CollectorRegistry
from waybill_common.http import ServiceParts, create_service_app
from waybill_common.http.dead_letter_views import dead_letters_blueprint
from waybill_common.idempotency.schema import IDEMPOTENCY_V1
from waybill_common.messaging.dead_letters import DeadLetters, NewLetter

pytestmark = pytest.mark.integration
QUEUE = "orders.events.v1"
PATH = "/v1/dead-letters"


@pytest.fixture
def client(engine: sa.Engine, verifier: Any) -> FlaskClient:
    with engine.begin() as connection:
        connection.exec_driver_sql(IDEMPOTENCY_V1)

    @contextmanager
    def open_letters() -> Iterator[DeadLetters]:
        with engine.begin() as connection:
            yield DeadLetters(connection)

    blueprints = [dead_letters_blueprint(open_letters)]
    parts = ServiceParts(name="demo", registry=CollectorRegistry(), verifier=verifier, blueprints=blueprints)
    return create_service_app(parts).test_client()


@pytest.fixture
def staff(issuer: Any) -> dict[str, str]:
    claims = issuer.claims(scope="dead-letters:write", sub="usr_staff")
    return {"Authorization": f"Bearer {issuer.token(payload=claims)}"}


@pytest.fixture
def ids(engine: sa.Engine) -> list[str]:
    """Three letters, oldest first."""
    with engine.begin() as connection:
        for number in range(3):
            body = b'{"n": %d}' % number
            DeadLetters(connection).file(
                NewLetter(QUEUE, f"m-{number}", "a.b.c", {"x": b"\xff"}, body, "refused", "no")
            )
    with engine.connect() as connection:
        return [letter.id for letter in reversed(DeadLetters(connection).search())]


def test_the_list_pages_newest_first_and_filters(client: FlaskClient, staff: dict[str, str], ids: list[str]) -> None:
    first = client.get(PATH, query_string={"limit": 2}, headers=staff).get_json()
    assert [letter["id"] for letter in first["data"]] == ids[:0:-1]
    second = client.get(PATH, query_string={"limit": 2, "cursor": first["next_cursor"]}, headers=staff).get_json()
    assert ([letter["id"] for letter in second["data"]], second["has_more"]) == (ids[:1], False)
    only = client.get(PATH, query_string={"message_id": "m-1"}, headers=staff).get_json()
    assert [letter["message_id"] for letter in only["data"]] == ["m-1"]
    for query in ({"cursor": "nonsense"}, {"state": "lost"}, {"limit": 0}, {"queue": "a\x00b"}):
        assert client.get(PATH, query_string=query, headers=staff).status_code == 400


def test_a_letter_is_shown_with_its_reason_headers_and_body(
    client: FlaskClient, staff: dict[str, str], ids: list[str]
) -> None:
    shown = client.get(f"{PATH}/{ids[0]}", headers=staff).get_json()
    assert (shown["reason"], shown["body"], shown["headers"]) == ("refused", '{"n": 0}', {"x": "\ufffd"})
    for unknown in ("nonsense", "00000000-0000-7000-8000-000000000000"):
        answer = client.get(f"{PATH}/{unknown}", headers=staff)
        assert (answer.status_code, answer.get_json()["code"]) == (404, "dead_letter_not_found")


def test_a_replay_is_written_down_once_per_key_and_a_discarded_letter_cannot_be_replayed(
    client: FlaskClient, staff: dict[str, str], ids: list[str], engine: sa.Engine
) -> None:
    keyed = {**staff, "Idempotency-Key": "k-1"}
    asked = client.post(f"{PATH}/{ids[0]}/replay", headers=keyed)
    again = client.post(f"{PATH}/{ids[0]}/replay", headers=keyed)
    assert (asked.status_code, asked.data) == (again.status_code, again.data)
    assert asked.get_json()["state"] == "replay_requested"
    assert again.headers["Idempotent-Replayed"] == "true"
    assert client.post(f"{PATH}/{ids[1]}/replay", headers=keyed).status_code == 422, "the key was used for another"
    assert client.post(f"{PATH}/{ids[1]}/discard", headers={**staff, "Idempotency-Key": "k-2"}).status_code == 200
    refused = client.post(f"{PATH}/{ids[1]}/replay", headers={**staff, "Idempotency-Key": "k-3"})
    assert (refused.status_code, refused.get_json()["code"]) == (409, "dead_letter_settled")
    with engine.connect() as connection:
        letter = DeadLetters(connection).show(ids[0])
    assert (letter.state, letter.settled_by) == ("replay_requested", "usr_staff")


@pytest.mark.parametrize("way", [PATH, f"{PATH}/1", f"POST {PATH}/1/replay", f"POST {PATH}/1/discard"])
def test_without_the_scope_nothing_is_shown_or_changed(client: FlaskClient, issuer: Any, way: str) -> None:
    method, _, path = way.rpartition(" ")
    customer = {"Authorization": f"Bearer {issuer.token(payload=issuer.claims(scope='orders:ship'))}"}
    assert client.open(path, method=method or "GET", headers=customer).status_code == 403
    assert client.open(path, method=method or "GET").status_code == 401


def test_a_command_without_a_key_is_refused(client: FlaskClient, staff: dict[str, str], ids: list[str]) -> None:
    answer = client.post(f"{PATH}/{ids[0]}/replay", headers=staff)
    assert (answer.status_code, answer.get_json()["code"]) == (400, "idempotency_key_required")
