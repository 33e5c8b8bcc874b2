"""The HTTP side of a service: guards, problems for every failure, declared operations, pages, ids."""

from typing import Annotated

import pytest
import sqlalchemy as sa
from prometheus_client import CollectorRegistry
from pydantic import Field
from waybill_common.health import HealthChecks
from waybill_common.http import (
    PERSON,
    PUBLIC,
    GuardedBlueprint,
    ServiceParts,
    create_service_app,
    current_caller,
    decode_cursor,
    encode_cursor,
    json_answer,
    openapi_document,
    operation,
    page_answer,
    send_answer,
    service,
    staff,
    versioned_answer,
    with_internal_port,
)
from waybill_common.idempotency import Answer, KeyInProgressError, KeyReusedError
from waybill_common.problems import Input, Line, Problem
from waybill_common.telemetry import current_request_id, render_metrics
from waybill_common.tokens import Caller, InvalidTokenError, KeysUnavailableError

pytestmark = pytest.mark.unit


class FakeVerifier:
    """Tokens by name."""

    def verify(self, token: str) -> Caller:
        kinds = {"person": ("usr_1", "person"), "boss": ("usr_2", "person"), "peer": ("svc_1", "service")}
        if token == "early":
            raise KeysUnavailableError("no keys yet")
        if token not in kinds:
            raise InvalidTokenError("unknown")
        subject, kind = kinds[token]
        scopes = frozenset({"things:write", "auth:things"}) if token != "person" else frozenset()
        return Caller(
            subject=subject, kind=kind, client_id="c", session_id=None, scopes=scopes, roles=(), issued_at=0,
            auth_time=None, amr=(),
        )  # fmt: skip


class Thing(Input):
    name: Annotated[Line, Field(min_length=1)]


class Optional(Input):
    reason: Line | None = None


class Filter(Input):
    limit: Annotated[int, Field(ge=1, le=100)] = 20


class NoSuchThingError(Exception):
    """A domain error."""


def raise_it(error):
    raise error


ERRORS = {
    "domain": NoSuchThingError("t1"),
    "crash": RuntimeError("boom"),
    "away": sa.exc.OperationalError("SELECT", None, __import__("psycopg2").OperationalError("refused")),
    "pool": sa.exc.TimeoutError("QueuePool limit"),
    "reused": KeyReusedError("k"),
    "running": KeyInProgressError("k"),
}


def make_app(**parts):
    public = GuardedBlueprint("public", __name__, access=PUBLIC)
    person = GuardedBlueprint("person", __name__, access=PERSON)
    boss = GuardedBlueprint("boss", __name__, access=staff("things:write"))
    peer = GuardedBlueprint("peer", __name__, access=service("auth:things"))

    @public.get("/fail/<kind>")
    @operation(answers={200: None})
    def fail(kind):
        raise ERRORS[kind]

    @public.get("/versioned")
    @operation(answers={200: None})
    def versioned():
        """Return a thing with its version."""
        return versioned_answer({"a": 1}, 7)

    @person.get("/me")
    @operation(answers={200: None})
    def me():
        return json_answer({"me": current_caller().subject, "request": current_request_id()})

    @person.post("/things")
    @operation(body=Thing, answers={201: Thing}, keyed=True)
    def make(body, key):
        return send_answer(
            Answer(201, b'{"key":"%s"}' % key.key.encode(), "/things/1", '"1"', replayed=key.key == "old")
        )

    @person.post("/things/<thing_id>/end")
    @operation(body=Optional, keyed="optional", if_match=True)
    def end(thing_id, body, key, if_match):
        return json_answer({"reason": body.reason, "keyed": key is not None, "accepts": if_match.accepts(7)})

    @person.get("/things")
    @operation(query=Filter)
    def walk(query):
        return page_answer([query.limit], encode_cursor([1, "x"], {"limit": query.limit}))

    @boss.put("/things/<thing_id>")
    @operation(body=Thing)
    def put(thing_id, body):
        return json_answer({})

    @peer.get("/internal/things")
    @operation()
    def internal():
        return json_answer({})

    defaults = {
        "name": "demo",
        "registry": CollectorRegistry(),
        "verifier": FakeVerifier(),
        "blueprints": [public, person, boss, peer],
        "domain_errors": {NoSuchThingError: lambda error: Problem(404, "thing_not_found", f"No thing {error}.")},
    }
    return create_service_app(ServiceParts(**{**defaults, **parts}))


@pytest.fixture
def client():
    return make_app().test_client()


def bearer(token, **headers):
    return {"Authorization": f"Bearer {token}", **headers}


def is_problem(response, status, code):
    body = response.get_json()
    assert response.mimetype == "application/problem+json"
    assert (response.status_code, body["status"], body["code"]) == (status, status, code)
    assert {"type", "title", "detail", "instance", "request_id", "retryable"} <= body.keys()
    assert response.headers["Cache-Control"] == "no-store"
    return body


def test_no_token_is_401_with_a_bare_challenge(client):
    response = client.get("/me")
    is_problem(response, 401, "authentication_required")
    assert response.headers["WWW-Authenticate"] == 'Bearer realm="waybill"'


@pytest.mark.parametrize("header", ["Bearer nonsense", "Basic abc", "Bearer", "nonsense"])
def test_a_bad_token_is_401_invalid_token(client, header):
    response = client.get("/me", headers={"Authorization": header})
    is_problem(response, 401, "invalid_token")
    assert 'error="invalid_token"' in response.headers["WWW-Authenticate"]


def test_without_keys_the_answer_is_503_and_not_401(client):
    assert is_problem(client.get("/me", headers=bearer("early")), 503, "keys_unavailable")["retryable"]


@pytest.mark.parametrize(
    ("method", "path", "token", "status"),
    [
        ("PUT", "/things/1", "person", 403),
        ("PUT", "/things/1", "peer", 403),
        ("PUT", "/things/1", None, 401),
        ("GET", "/internal/things", "boss", 403),
        ("GET", "/internal/things", "peer", 200),
        ("GET", "/me", "peer", 403),
        ("GET", "/me", "person", 200),
    ],
)
def test_each_blueprint_lets_in_whom_it_says(client, method, path, token, status):
    response = client.open(
        path, method=method, headers=bearer(token) if token else {}, json={} if method == "PUT" else None
    )
    assert response.status_code == status
    if status == 403:
        assert 'error="insufficient_scope"' in response.headers["WWW-Authenticate"]


def test_a_staff_route_refuses_before_it_reads_the_body(client):
    assert client.put("/things/1", headers=bearer("person"), data=b"not json").status_code == 403


@pytest.mark.parametrize(
    ("kind", "status", "code"),
    [
        ("domain", 404, "thing_not_found"),
        ("crash", 500, "internal_error"),
        ("away", 503, "database_unavailable"),
        ("pool", 503, "database_unavailable"),
        ("reused", 422, "idempotency_key_reused"),
        ("running", 409, "idempotency_in_progress"),
    ],
)
def test_every_error_becomes_a_problem(client, kind, status, code):
    response = client.get(f"/fail/{kind}")
    body = is_problem(response, status, code)
    assert "boom" not in response.text
    assert body["retryable"] == (status in {503, 409})
    assert ("Retry-After" in response.headers) == (status in {503, 409})


def test_routing_errors_are_problems_too(client):
    is_problem(client.get("/nowhere"), 404, "not_found")
    is_problem(client.get("/things/"), 404, "not_found")
    wrong = client.delete("/things", headers=bearer("person"))
    is_problem(wrong, 405, "method_not_allowed")
    assert "POST" in wrong.headers["Allow"]
    keyed = bearer("person", **{"Idempotency-Key": "k"})
    is_problem(client.post("/things", headers=keyed, data="x" * 20_000), 413, "body_too_large")
    text = client.post("/things", headers=keyed, data="x", content_type="text/plain")
    is_problem(text, 415, "unsupported_media_type")


def test_a_nul_in_a_path_is_nowhere_and_no_crash():
    things = GuardedBlueprint("named", __name__, access=PUBLIC)

    @things.get("/v1/named/<name>")
    def show(name):
        return json_answer({"length": len(name)})

    client = make_app(blueprints=[things]).test_client()
    assert client.get("/v1/named/%7f").json == {"length": 1}
    for path in ("/v1/named/%00", "/v1/named/a%00b"):
        assert is_problem(client.get(path), 404, "not_found")


def test_an_unknown_host_is_a_400_when_hosts_are_named():
    client = make_app(trusted_hosts=["shop.example"]).test_client()
    is_problem(client.get("/versioned", headers={"Host": "evil.example"}), 400, "bad_request")
    assert client.get("/versioned", headers={"Host": "shop.example"}).status_code == 200


def test_a_key_is_required_accepted_quoted_and_judged(client):
    body = {"name": "x"}
    is_problem(client.post("/things", headers=bearer("person"), json=body), 400, "idempotency_key_required")
    long = bearer("person", **{"Idempotency-Key": "k" * 256})
    is_problem(client.post("/things", headers=long, json=body), 400, "invalid_idempotency_key")
    first = client.post("/things", headers=bearer("person", **{"Idempotency-Key": '"abc"'}), json=body)
    assert (first.status_code, first.get_json(), first.headers["Location"], first.headers["ETag"]) == (
        201,
        {"key": "abc"},
        "/things/1",
        '"1"',
    )
    assert "Idempotent-Replayed" not in first.headers
    again = client.post("/things", headers=bearer("person", **{"Idempotency-Key": "old"}), json=body)
    assert again.headers["Idempotent-Replayed"] == "true"


@pytest.mark.parametrize(
    ("header", "accepts"),
    [('"7"', True), ('"6"', False), ("*", True), ('W/"7"', False), ('"6", "7"', True), ('"x"', False)],
)
def test_if_match_is_required_and_weak_tags_never_match(client, header, accepts):
    is_problem(client.post("/things/1/end", headers=bearer("person")), 428, "if_match_required")
    response = client.post("/things/1/end", headers=bearer("person", **{"If-Match": header}))
    assert response.get_json() == {"reason": None, "keyed": False, "accepts": accepts}


@pytest.mark.parametrize("query", ["limit=0", "limit=101", "limit=x", "offset=3", "limit=1&limit=2"])
def test_a_query_that_is_not_understood_is_a_400(client, query):
    is_problem(client.get(f"/things?{query}", headers=bearer("person")), 400, "invalid_query")


def test_a_route_without_query_parameters_refuses_them(client):
    is_problem(client.get("/me?debug=1", headers=bearer("person")), 400, "invalid_query")


def test_a_page_names_the_next_one(client):
    response = client.get("/things?limit=5", headers=bearer("person"))
    body = response.get_json()
    assert (body["data"], body["has_more"]) == ([5], True)
    assert decode_cursor(body["next_cursor"], {"limit": 5}, [int, str]) == [1, "x"]
    assert f"cursor={body['next_cursor'].rstrip('=')}" in response.headers["Link"]


@pytest.mark.parametrize(
    "cursor", ["", "x", "AAAA", encode_cursor([1], {"limit": 5}), encode_cursor(["x", 1], {"limit": 5})]
)
def test_a_damaged_or_foreign_cursor_is_refused(cursor):
    with pytest.raises(Problem) as caught:
        decode_cursor(cursor, {"limit": 5}, [int, str])
    assert caught.value.code == "invalid_cursor"


def test_a_cursor_of_another_filter_is_refused():
    with pytest.raises(Problem):
        decode_cursor(encode_cursor([1, "x"], {"limit": 5}), {"limit": 6}, [int, str])


def test_a_known_version_is_304(client):
    assert client.get("/versioned").headers["ETag"] == '"7"'
    response = client.get("/versioned", headers={"If-None-Match": '"7"'})
    assert (response.status_code, response.data, response.headers["ETag"]) == (304, b"", '"7"')
    assert client.get("/versioned", headers={"If-None-Match": '"6"'}).status_code == 200


def test_a_request_id_is_echoed_or_made(client):
    echoed = client.get("/me", headers=bearer("person", **{"X-Request-Id": "abc-1"}))
    assert echoed.headers["X-Request-Id"] == echoed.get_json()["request"] == "abc-1"
    made = client.get("/me", headers=bearer("person", **{"X-Request-Id": "bad id\x7f"}))
    assert len(made.headers["X-Request-Id"]) == 36
    assert current_request_id() is None


def test_metrics_know_routes_and_never_paths():
    registry = CollectorRegistry()
    client = make_app(registry=registry).test_client()
    client.get("/nowhere/at/all")
    client.open("/versioned", method="BREW")
    client.get("/versioned")
    text = render_metrics(registry).decode()
    assert 'http_response_status_code="200",http_route="/versioned"' in text
    assert 'http_response_status_code="404",http_route="__unmatched__"' in text
    assert "nowhere" not in text
    assert "BREW" not in text


def test_the_openapi_document_says_who_may_call_what():
    paths = openapi_document(make_app(), "demo")["paths"]
    assert paths["/versioned"]["get"]["x-public"] is True
    assert paths["/things/{thing_id}"]["put"]["x-scope"] == "things:write"
    assert paths["/internal/things"]["get"]["x-caller"] == "service"
    names = [parameter["name"] for parameter in paths["/things/{thing_id}/end"]["post"]["parameters"]]
    assert names == ["thing_id", "Idempotency-Key", "If-Match"]


def test_the_internal_port_answers_health_and_the_web_port_does_not():
    app = make_app()
    checks = HealthChecks(CollectorRegistry(), live={"ok": lambda: None}, ready={"keys": lambda: "not yet"})
    app.wsgi_app = with_internal_port(app.wsgi_app, checks, 9081)
    client = app.test_client()
    inside = {"SERVER_PORT": "9081"}
    assert client.get("/livez", environ_overrides=inside).status_code == 200
    assert client.get("/readyz", environ_overrides=inside).get_json()["faults"] == {"keys": "not yet"}
    assert client.get("/metrics", environ_overrides=inside).status_code == 200
    assert client.get("/versioned", environ_overrides=inside).status_code == 404
    assert (
        client.get("/livez", environ_overrides={"SERVER_PORT": "8081"}, headers={"Host": "x:9081"}).status_code == 404
    )


def test_one_line_is_logged_for_a_request_and_says_who_called(client, logged):
    client.get("/me", headers=bearer("person"))
    client.get("/versioned")
    assert [(line["event"], line["route"], line.get("caller")) for line in logged()] == [
        ("request", "/me", "usr_1"),
        ("request", "/versioned", None),
    ]
