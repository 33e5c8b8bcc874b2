"""The OAuth endpoints, service tokens and the internal routes (attack rows 47 and 48)."""

import base64
from urllib.parse import quote_plus

import jwt
import pytest

SECRET = "orders-secret:with%signs"
pytestmark = pytest.mark.integration


def basic(client_id="svc_orders", secret=SECRET):
    raw = f"{quote_plus(client_id)}:{quote_plus(secret)}"
    return {"Authorization": f"Basic {base64.b64encode(raw.encode()).decode()}"}


def ask(auth, path="/oauth/token", headers=None, **form):
    return auth.client.post(path, data=form, headers=headers or {})


def token(auth, **form):
    return ask(auth, headers=basic(), grant_type="client_credentials", **form)


def test_a_service_gets_a_token_for_one_audience(auth):
    answer = token(auth, resource="urn:waybill:auth", scope="auth:contact")
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-store"
    assert (answer.json["token_type"], answer.json["expires_in"]) == ("Bearer", 300)
    assert answer.json["scope"] == "auth:contact"
    assert "refresh_token" not in answer.json
    claims = jwt.decode(answer.json["access_token"], options={"verify_signature": False})
    assert (claims["aud"], claims["sub"], claims["client_id"]) == (["auth"], "svc_orders", "svc_orders")
    assert claims["exp"] - claims["iat"] == 300


TOKEN_ERRORS = [
    ({"grant_type": "client_credentials"}, "invalid_target"),
    ({"grant_type": "client_credentials", "resource": "urn:waybill:orders"}, "invalid_target"),
    ({"grant_type": "client_credentials", "resource": "auth"}, "invalid_target"),
    ({"grant_type": "client_credentials", "resource": "urn:waybill:auth", "scope": "auth:mail"}, "invalid_scope"),
    ({"grant_type": "password", "username": "x", "password": "y"}, "unsupported_grant_type"),
    ({"grant_type": "authorization_code", "code": "x"}, "unsupported_grant_type"),
    ({"grant_type": ""}, "invalid_request"),
    ({}, "invalid_request"),
    ({"grant_type": ["client_credentials", "client_credentials"]}, "invalid_request"),
    ({"grant_type": "client\x00credentials"}, "invalid_request"),
]


def test_the_errors_of_the_token_endpoint(auth):
    for form, error in TOKEN_ERRORS:
        answer = ask(auth, headers=basic(), **form)
        assert (answer.status_code, answer.json["error"]) == (400, error), form
        assert set(answer.json) == {"error", "error_description"}
        assert answer.content_type == "application/json"
        assert answer.headers["Cache-Control"] == "no-store"


def test_row_48_client_secrets_wrong_doubled_in_the_query_and_with_colon_and_percent(auth):
    form = {"grant_type": "client_credentials", "resource": "urn:waybill:auth"}
    assert ask(auth, headers=basic(), **form).status_code == 200
    assert ask(auth, client_id="svc_orders", client_secret=SECRET, **form).status_code == 200
    wrong = ask(auth, headers=basic(secret="wrong"), **form)
    assert (wrong.status_code, wrong.json["error"]) == (401, "invalid_client")
    assert wrong.headers["WWW-Authenticate"].startswith("Basic ")
    posted = ask(auth, client_id="svc_orders", client_secret="wrong", **form)
    assert (posted.status_code, "WWW-Authenticate" in posted.headers) == (401, False)
    twice = ask(auth, headers=basic(), client_id="svc_orders", client_secret=SECRET, **form)
    assert (twice.status_code, twice.json["error"]) == (400, "invalid_request")
    query = auth.client.post(f"/oauth/token?client_id=svc_orders&client_secret={quote_plus(SECRET)}", data=form)
    assert (query.status_code, query.json["error"]) == (400, "invalid_request")
    for header in ("Basic !!!", "Basic " + base64.b64encode(b"nocolon").decode(), "Bearer x", "Basic"):
        assert ask(auth, headers={"Authorization": header}, **form).status_code == 401
    assert ask(auth, client_id="svc_unknown", client_secret=SECRET, **form).status_code == 401
    assert ask(auth, **form).status_code == 401
    assert ask(auth, client_id="svc_orders", **form).status_code == 401


def test_a_wrong_content_type_is_invalid_request_and_get_is_405(auth):
    answer = auth.client.post("/oauth/token", json={"grant_type": "client_credentials"})
    assert (answer.status_code, answer.json["error"]) == (400, "invalid_request")
    assert auth.client.get("/oauth/token").status_code == 405


def test_the_public_client_of_people_gets_no_token_of_its_own(auth):
    answer = ask(auth, client_id="waybill", grant_type="client_credentials")
    assert (answer.status_code, answer.json["error"]) == (400, "unauthorized_client")
    assert ask(auth, "/oauth/introspect", client_id="waybill", token="x").json["error"] == "unauthorized_client"


def test_introspection_shows_a_token_to_the_audience_it_is_for(auth):
    user_id = auth.member()
    access = auth.tokens()["access_token"]
    answer = ask(auth, "/oauth/introspect", basic(), token=access)
    assert answer.status_code == 200
    assert set(answer.json) == {
        "active", "token_type", "iss", "sub", "aud", "client_id", "scope", "exp", "iat", "jti", "sid",
    }  # fmt: skip
    assert (answer.json["active"], answer.json["sub"]) == (True, user_id)


def test_introspection_says_only_inactive_of_anything_else(auth):
    auth.member()
    tokens = auth.tokens()
    for_auth = auth.service_token()
    auth.post("/v1/logout", None, tokens["access_token"])
    for other in (tokens["access_token"], tokens["refresh_token"], for_auth, "junk", tokens["access_token"] + "="):
        answer = ask(auth, "/oauth/introspect", basic(), token=other)
        assert (answer.status_code, answer.json) == (200, {"active": False})
    assert ask(auth, "/oauth/introspect", token="x").status_code == 401
    assert ask(auth, "/oauth/introspect", basic()).json["error"] == "invalid_request"


def test_revoking_a_refresh_token_ends_the_session_with_its_access_tokens(auth):
    auth.member()
    tokens = auth.tokens()
    for _ in range(2):
        answer = ask(auth, "/oauth/revoke", client_id="waybill", token=tokens["refresh_token"])
        assert (answer.status_code, answer.data) == (200, b"")
    assert auth.get("/v1/me", tokens["access_token"]).status_code == 401
    assert len(auth.events("auth.session.revoked")) == 1


def test_a_client_cannot_revoke_tokens_of_another(auth):
    auth.member()
    tokens = auth.tokens()
    foreign = auth.service_token()
    for other in (tokens["refresh_token"], tokens["access_token"], foreign, "junk"):
        assert ask(auth, "/oauth/revoke", basic(), token=other).status_code == 200
    assert auth.get("/v1/me", tokens["access_token"]).status_code == 200
    assert ask(auth, "/oauth/revoke", token="x").status_code == 401


def test_a_service_can_revoke_its_own_access_token(auth):
    own = ask(
        auth, headers=basic(), grant_type="client_credentials", resource="urn:waybill:notifier", scope="auth:contact"
    ).json["access_token"]
    reader = basic("svc_notifier", "notifier-secret")
    assert ask(auth, "/oauth/introspect", reader, token=own).json["active"] is True
    assert ask(auth, "/oauth/revoke", basic(), token=own).status_code == 200
    assert ask(auth, "/oauth/introspect", reader, token=own).json == {"active": False}


def test_a_removed_client_loses_its_tokens_and_its_access(auth):
    access = auth.service_token()
    auth.sql("DELETE FROM oauth_client WHERE id = 'svc_notifier'")
    assert auth.get("/internal/revocations", access).status_code == 401
    assert (
        ask(auth, headers=basic("svc_notifier", "notifier-secret"), grant_type="client_credentials").status_code == 401
    )


INTERNAL = ("/internal/users/usr_x/contact", "/internal/mail-requests/mrq_x", "/internal/revocations")


@pytest.mark.parametrize("path", INTERNAL)
def test_row_47_internal_routes_refuse_people_and_services_without_the_scope(auth, path):
    auth.member()
    auth.grant("kim@example.com", "admin")
    assert auth.get(path).status_code == 401
    assert auth.get(path, auth.tokens()["access_token"]).status_code == 403
    answer = auth.get(path, auth.service_token("svc_orders", SECRET, scope=""))
    narrowed = auth.get(path, token(auth, resource="urn:waybill:notifier").json["access_token"])
    assert narrowed.status_code == 401  # meant for another audience
    assert answer.status_code in {200, 404, 403}


def test_row_47_a_scope_that_is_not_held_is_403(auth):
    access = auth.service_token("svc_orders", SECRET, scope="auth:revocations")
    assert auth.get("/internal/revocations", access).status_code == 200
    for path in INTERNAL[:2]:
        answer = auth.get(path, access)
        assert (answer.status_code, answer.json["code"]) == (403, "insufficient_scope")


@pytest.mark.parametrize(("method", "path"), [("GET", "/v1/me"), ("POST", "/v1/logout"), ("GET", "/v1/sessions")])
def test_row_47_a_services_token_is_refused_on_a_persons_routes(auth, method, path):
    assert auth.call(method, path, None, auth.service_token()).status_code == 403


def test_row_47_staff_routes_need_the_scope(auth):
    auth.member("kim@example.com")
    assert auth.get("/v1/dead-letters", auth.tokens("kim@example.com")["access_token"]).status_code == 403
    auth.grant("kim@example.com", "staff")
    answer = auth.get("/v1/dead-letters", auth.tokens("kim@example.com")["access_token"])
    assert (answer.status_code, answer.json["data"]) == (200, [])


def test_the_contact_of_an_account(auth):
    user_id = auth.member()
    answer = auth.get(f"/internal/users/{user_id}/contact", auth.service_token())
    assert answer.json == {"email": "kim@example.com", "name": None, "locale": "en", "timezone": "UTC"}
    for unknown in ("usr_" + "0" * 32, "usr_x", "%00"):
        assert auth.get(f"/internal/users/{unknown}/contact", auth.service_token()).status_code == 404


def test_a_mail_request_gives_the_same_link_until_it_is_used_superseded_or_expired(auth):
    auth.register("kim@example.com")
    first = auth.mail("kim@example.com", "verify")
    assert auth.mail("kim@example.com", "verify") == first
    request_id = first["link"].partition("#token=")[2].partition(".")[0]
    auth.register("kim@example.com")
    access = auth.service_token()
    assert auth.get(f"/internal/mail-requests/{request_id}", access).status_code == 410
    assert auth.verify("kim@example.com").status_code == 204
    for row in auth.sql("SELECT id FROM mail_request"):
        assert auth.get(f"/internal/mail-requests/{row.id}", access).status_code == 410
    for unknown in ("mrq_" + "0" * 32, "mrq_x"):
        assert auth.get(f"/internal/mail-requests/{unknown}", access).status_code == 404


def test_the_feed_lists_what_was_revoked_lately(auth):
    user_id = auth.member()
    tokens = auth.tokens()
    access = auth.service_token()
    assert auth.get("/internal/revocations", access).json == {"data": []}
    auth.grant("kim@example.com", "staff")
    entries = auth.get("/internal/revocations", access).json["data"]
    assert {(entry["kind"], entry["id"]) for entry in entries} == {("sid", tokens["session_id"]), ("sub", user_id)}
    event = auth.events("auth.user.revoked")[0].data
    sub = next(entry for entry in entries if entry["kind"] == "sub")
    assert sub["not_before"] == event["not_before"]
    assert abs(sub["until"] - event["until"]) <= 1
    assert auth.get("/internal/revocations?since=2099-01-01T00:00:00Z", access).json == {"data": []}
    assert len(auth.get("/internal/revocations?since=0", access).json["data"]) == 2
    assert auth.get("/internal/revocations?since=yesterday", access).status_code == 400
    auth.sql("UPDATE sessions SET revoked_at = revoked_at - interval '20 minutes'")
    auth.sql("UPDATE users SET tokens_not_before = tokens_not_before - interval '20 minutes'")
    assert auth.get("/internal/revocations?since=0", access).json == {"data": []}
