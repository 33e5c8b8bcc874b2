"""The guards with the real verifier: who gets in where, what counts as a token, and what a request hands on."""

import json

import pytest
from prometheus_client import CollectorRegistry
from waybill_common.http import (
    CLIENT,
    PERSON,
    PUBLIC,
    GuardedBlueprint,
    ServiceParts,
    create_service_app,
    current_caller,
    json_answer,
    service,
    staff,
)
from waybill_common.sessions import Connector, remaining_seconds
from waybill_common.tokens import StaticKeys, Verifier, VerifierSettings

unit = pytest.mark.unit
integration = pytest.mark.integration

ACCESS = {
    "public": PUBLIC,
    "client": CLIENT,
    "person": PERSON,
    "staff": staff("things:write"),
    "service": service("orders:things"),
}


class Revocations:
    """A list that a test fills."""

    def __init__(self) -> None:
        self.sessions: set[str] = set()

    def is_revoked(self, session_id, subject, issued_at) -> bool:
        return session_id in self.sessions


@pytest.fixture
def revocations() -> Revocations:
    return Revocations()


@pytest.fixture
def reached() -> list[str]:
    """The views that ran."""
    return []


def blueprint(name: str, reached: list[str]) -> GuardedBlueprint:
    routes = GuardedBlueprint(name, __name__, access=ACCESS[name])

    @routes.route(f"/{name}", methods=["GET", "POST"])
    def view():
        reached.append(name)
        return json_answer({"left": remaining_seconds()})

    return routes


@pytest.fixture
def app(issuer, now, revocations, reached):
    verifier = Verifier(VerifierSettings("https://auth.example", "orders"), StaticKeys(issuer.jwks()), revocations)
    blueprints = [blueprint(name, reached) for name in ACCESS]
    registry = CollectorRegistry()
    return create_service_app(ServiceParts(name="demo", registry=registry, verifier=verifier, blueprints=blueprints))


@pytest.fixture
def client(app):
    return app.test_client()


@pytest.fixture
def tokens(issuer) -> dict[str, str]:
    """One token for each kind of caller."""
    machine = {"sid": ..., "roles": ..., "amr": ..., "auth_time": ..., "aud": ["orders"]}

    def sign(**claims) -> str:
        return issuer.token(payload=issuer.claims(**claims))

    return {
        "person": sign(scope=""),
        "staff": sign(scope="things:write"),
        "person with a service's scope": sign(scope="orders:things"),
        "service": sign(sub="svc_n", client_id="svc_n", scope="orders:things", **machine),
        "service without scope": sign(sub="svc_n", client_id="svc_n", scope="", **machine),
        "service with a staff scope": sign(sub="svc_n", client_id="svc_n", scope="things:write", **machine),
        "other audience": sign(aud=["auth"]),
        "ID token": issuer.token(issuer.header(typ="JWT")),
    }


OPEN = {"public": 200, "client": 200}
MATRIX = {
    None: {**OPEN, "person": 401, "staff": 401, "service": 401},
    "person": {**OPEN, "person": 200, "staff": 403, "service": 403},
    "staff": {**OPEN, "person": 200, "staff": 200, "service": 403},
    "person with a service's scope": {**OPEN, "person": 200, "staff": 403, "service": 403},
    "service": {**OPEN, "person": 403, "staff": 403, "service": 200},
    "service without scope": {**OPEN, "person": 403, "staff": 403, "service": 403},
    "service with a staff scope": {**OPEN, "person": 403, "staff": 403, "service": 403},
    "other audience": {**OPEN, "person": 401, "staff": 401, "service": 401},
    "ID token": {**OPEN, "person": 401, "staff": 401, "service": 401},
}


@unit
@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "POST"])
@pytest.mark.parametrize("route", ACCESS)
@pytest.mark.parametrize("caller", MATRIX)
def test_row_47_every_kind_of_caller_on_every_kind_of_route(client, reached, tokens, caller, route, method):
    headers = {} if caller is None else {"Authorization": f"Bearer {tokens[caller]}"}
    status = MATRIX[caller][route]
    assert client.open(f"/{route}", method=method, headers=headers).status_code == status
    if status != 200:
        assert reached == []


@unit
@pytest.mark.parametrize(
    ("caller", "route", "challenge"),
    [
        (None, "person", 'Bearer realm="waybill"'),
        ("ID token", "person", 'Bearer realm="waybill", error="invalid_token"'),
        ("person", "staff", 'Bearer realm="waybill", error="insufficient_scope", scope="things:write"'),
        ("person", "service", 'Bearer realm="waybill", error="insufficient_scope", scope="orders:things"'),
    ],
)
def test_a_refusal_says_what_rfc_6750_wants(client, tokens, caller, route, challenge):
    headers = {} if caller is None else {"Authorization": f"Bearer {tokens[caller]}"}
    answer = client.get(f"/{route}", headers=headers)
    assert answer.headers["WWW-Authenticate"] == challenge
    assert answer.mimetype == "application/problem+json"
    assert answer.headers["Cache-Control"] == "no-store"


@unit
def test_a_refused_token_is_not_told_why(client, issuer, other_issuer, tokens):
    wrong = [
        tokens["other audience"],
        tokens["ID token"],
        other_issuer.token(),
        issuer.token(payload=issuer.claims(exp=1)),
        "nonsense",
    ]
    bodies = set()
    for token in wrong:
        body = client.get("/person", headers={"Authorization": f"Bearer {token}"}).get_json()
        body.pop("request_id")
        bodies.add(json.dumps(body, sort_keys=True))
    assert len(bodies) == 1


@unit
@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
def test_the_scheme_is_read_without_regard_to_case(client, tokens, scheme):
    assert client.get("/person", headers={"Authorization": f"{scheme} {tokens['person']}"}).status_code == 200


@unit
@pytest.mark.parametrize(
    "form",
    [
        "Basic {}",
        "{}",
        "Bearer",
        "Bearer ",
        "Bearer  ",
        "Token {}",
        "Bearer {}, Bearer {}",
        "Bearer {}\xa0",
        "Bearer \x85{}",
        "Bearer {}\x1f",
        "Bearer {}=",
        "Bearer\t{}",
        'Bearer "{}"',
        "Bearer token={}",
    ],
)
def test_what_is_no_bearer_token_is_refused(client, reached, tokens, form):
    header = form.replace("{}", tokens["person"])
    answer = client.get("/person", environ_overrides={"HTTP_AUTHORIZATION": header})
    assert answer.status_code == 401
    assert reached == []


@unit
def test_a_token_elsewhere_than_in_its_header_is_no_token(client, tokens):
    token = tokens["person"]
    client.set_cookie("access_token", token)
    assert client.get(f"/person?access_token={token}").status_code == 401
    assert client.post("/person", data={"access_token": token}).status_code == 401
    assert client.get("/person", headers={"X-Authorization": f"Bearer {token}"}).status_code == 401


@unit
def test_row_15_a_token_of_a_megabyte_is_a_401(client):
    assert client.get("/person", headers={"Authorization": "Bearer " + "a." * 500_000}).status_code == 401


@unit
def test_row_44_a_revoked_session_ends_at_the_next_request(client, revocations, tokens):
    headers = {"Authorization": f"Bearer {tokens['person']}"}
    assert client.get("/person", headers=headers).status_code == 200
    revocations.sessions.add("ses_01")
    assert client.get("/person", headers=headers).status_code == 401


@unit
def test_a_caller_does_not_outlive_its_request(app, client, tokens):
    routes = GuardedBlueprint("after", __name__, access=PUBLIC)

    @routes.get("/after")
    def after():
        with pytest.raises(RuntimeError, match="public"):
            current_caller()
        return json_answer({})

    app.register_blueprint(routes)
    client = app.test_client()
    assert client.get("/person", headers={"Authorization": f"Bearer {tokens['person']}"}).status_code == 200
    assert client.get("/after").status_code == 200


@unit
def test_the_guard_stands_before_the_body_is_read(client, tokens):
    headers = {"Authorization": f"Bearer {tokens['person']}"}
    assert client.post("/staff", headers=headers, data=b"x" * 100_000).status_code == 403
    assert client.post("/staff", data=b"x" * 100_000).status_code == 401


@unit
@pytest.mark.parametrize("header", [None, "", "soon", "-1", "1e3", "99999999", "9" * 5_000, "²"])
def test_a_deadline_that_is_none_or_too_long_leaves_ten_seconds(client, header):
    environ = {} if header is None else {"HTTP_WAYBILL_DEADLINE_MS": header}
    answer = client.get("/public", environ_overrides=environ)
    assert answer.status_code == 200
    assert 5 < answer.get_json()["left"] <= 10


@unit
def test_a_callers_deadline_is_kept(client):
    assert client.get("/public", headers={"Waybill-Deadline-Ms": "1500"}).get_json()["left"] <= 1.5


@pytest.fixture
def relay_app(issuer, now, peer, connect):
    """A service whose public route asks the peer through its connector."""
    routes = GuardedBlueprint("relay", __name__, access=PUBLIC)

    @routes.get("/relay")
    def relay():
        from flask import current_app

        connector: Connector = current_app.extensions["connectors"]["peer"]
        return json_answer(connector.request("GET", "/things").json())

    verifier = Verifier(VerifierSettings("https://auth.example", "orders"), StaticKeys(issuer.jwks()))
    connectors = {"peer": connect(max_attempts=1)}
    parts = ServiceParts(
        name="demo", registry=CollectorRegistry(), verifier=verifier, blueprints=[routes], connectors=connectors
    )
    return create_service_app(parts)


@integration
def test_a_call_out_of_a_request_carries_its_ids_and_what_is_left_of_its_deadline(relay_app, peer):
    trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    headers = {"X-Request-Id": "req-9", "traceparent": trace, "Waybill-Deadline-Ms": "2500"}
    assert relay_app.test_client().get("/relay", headers=headers).status_code == 200
    sent = peer.requests[0].headers
    assert sent["x-request-id"] == "req-9"
    assert sent["traceparent"].startswith("00-4bf92f3577b34da6a3ce929d0e0e4736-")
    assert int(sent["waybill-deadline-ms"]) <= 2500


@integration
def test_a_peer_that_fails_is_a_503_with_a_time_to_come_back(relay_app, peer):
    peer.default = lambda talk: talk.answer(500)
    answer = relay_app.test_client().get("/relay")
    assert (answer.status_code, answer.get_json()["code"]) == (503, "peer_unavailable")
    assert answer.headers["Retry-After"] == "1"
    assert peer.url not in answer.text


@integration
def test_a_request_whose_time_is_over_asks_nobody(relay_app, peer):
    answer = relay_app.test_client().get("/relay", headers={"Waybill-Deadline-Ms": "0"})
    assert answer.status_code == 503
    assert peer.requests == []
