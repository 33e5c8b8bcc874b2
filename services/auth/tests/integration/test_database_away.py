"""PostgreSQL stopped (attack row 51): refusals that can be retried, and nothing let through."""

import pytest
from waybill_common.database import migrate
from waybill_testkit.postgres import PostgresServer

pytestmark = pytest.mark.integration


@pytest.fixture
def own_server():
    server = PostgresServer()
    yield server
    server.close()


def test_row_51_with_the_database_away_nothing_is_let_through_and_it_recovers(own_server, make_auth):
    url = own_server.create_database("auth_alone")
    migrate(url, "waybill_auth")
    auth = make_auth(url)
    auth.member()
    tokens = auth.tokens()
    own_server.stop()
    refused = [
        auth.log_in(),
        auth.log_in(password="wrong"),
        auth.refresh(tokens["refresh_token"]),
        auth.register("lee@example.com"),
        auth.post("/v1/password/forgot", {"email": "kim@example.com"}),
        auth.get("/v1/me", tokens["access_token"]),
        auth.client.post("/oauth/token", data={"client_id": "svc_orders", "client_secret": "x", "grant_type": "x"}),
    ]
    assert [(answer.status_code, answer.json["code"]) for answer in refused] == [(503, "database_unavailable")] * 7
    assert all(answer.headers["Retry-After"] == "1" for answer in refused)
    assert auth.get("/.well-known/jwks.json").status_code == 200
    assert all(check() is None for name, check in auth.dependencies.ready_checks.items() if name == "keys")
    own_server.restart()
    assert auth.log_in().status_code == 200
