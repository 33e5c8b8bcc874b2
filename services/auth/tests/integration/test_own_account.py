"""A signed-in person: profile, password, sessions, signing out (attack rows 40, 44 and 46)."""

import pytest
from waybill_auth.use_cases.set_account_state import SetAccountState

NEW = "another seven kettles sing"
pytestmark = pytest.mark.integration


def sign_in_long_ago(auth, seconds=601):
    """Return an access token whose sign-in is this old."""
    tokens = auth.tokens()
    auth.sql(
        "UPDATE sessions SET created_at = created_at - make_interval(secs => :s) WHERE id = :id",
        s=seconds,
        id=tokens["session_id"],
    )
    return auth.refresh(tokens["refresh_token"]).json["access_token"]


def test_the_profile_can_be_edited(auth):
    auth.member()
    access = auth.tokens()["access_token"]
    answer = auth.call("PATCH", "/v1/me", {"name": "Lee", "locale": "ko", "timezone": "Asia/Seoul"}, access)
    assert answer.status_code == 200
    assert (answer.json["name"], answer.json["locale"], answer.json["timezone"]) == ("Lee", "ko", "Asia/Seoul")
    assert auth.call("PATCH", "/v1/me", {"name": None}, access).json["name"] is None
    assert auth.call("PATCH", "/v1/me", {}, access).json["locale"] == "ko"


def test_bad_profile_values_are_422(auth):
    auth.member()
    access = auth.tokens()["access_token"]
    for changes in [
        {"locale": "not a locale"},
        {"timezone": "Mars/Olympus"},
        {"name": ""},
        {"locale": ""},
        {"timezone": ""},
    ]:
        assert auth.call("PATCH", "/v1/me", changes, access).status_code == 422, changes


def test_changing_the_password_ends_all_other_sessions_and_keeps_this_one(auth):
    auth.member()
    here, there = auth.tokens(), auth.tokens()
    body = {"current": "nine purple kettles sing", "new": NEW}
    assert auth.post("/v1/password/change", body, here["access_token"]).status_code == 204
    assert auth.get("/v1/me", here["access_token"]).status_code == 200
    assert auth.get("/v1/me", there["access_token"]).status_code == 401
    assert auth.refresh(there["refresh_token"]).status_code == 400
    assert auth.log_in().status_code == 401
    assert auth.log_in(password=NEW).status_code == 200
    assert auth.mail("kim@example.com", "password_changed")["link"] == "https://shop.example/reset"
    assert len(auth.events("auth.password.changed")) == 1


def test_a_wrong_current_password_counts_as_a_guess(make_auth):
    auth = make_auth(LOGIN_FIRST_WAIT_SECONDS="600")
    auth.member()
    access = auth.tokens()["access_token"]
    wrong = {"current": "not the password", "new": NEW}
    statuses = [auth.post("/v1/password/change", wrong, access).status_code for _ in range(6)]
    assert statuses == [401] * 5 + [429]


def test_row_44_sessions_after_a_password_reset_are_over(auth):
    auth.member()
    tokens = auth.tokens()
    auth.post("/v1/password/forgot", {"email": "kim@example.com"})
    reset = {"token": auth.mail_token("kim@example.com", "reset"), "password": NEW}
    assert auth.post("/v1/password/reset", reset).status_code == 204
    assert auth.get("/v1/me", tokens["access_token"]).status_code == 401
    assert auth.refresh(tokens["refresh_token"]).status_code == 400
    assert [event.type for event in auth.events("auth.%revoked")] == ["auth.user.revoked", "auth.session.revoked"]


def test_row_44_sessions_after_the_account_is_disabled_are_over(auth):
    auth.member()
    tokens = auth.tokens()
    auth.commands.set_account_state(SetAccountState("kim@example.com", disables=True))
    assert auth.get("/v1/me", tokens["access_token"]).status_code == 401
    assert auth.refresh(tokens["refresh_token"]).status_code == 400
    auth.commands.set_account_state(SetAccountState("kim@example.com", disables=False))
    assert auth.get("/v1/me", tokens["access_token"]).status_code == 401
    assert auth.log_in().status_code == 200


def test_row_44_sessions_after_a_role_change_are_over_and_each_sign_in_has_a_new_id(auth):
    auth.member()
    before = auth.tokens()
    auth.grant("kim@example.com", "staff")
    assert auth.get("/v1/me", before["access_token"]).status_code == 401
    after = auth.tokens()
    assert after["session_id"] != before["session_id"]
    assert auth.get("/v1/me", after["access_token"]).json["roles"] == ["customer", "staff"]


def test_row_40_reset_tokens_are_refused_when_used_newer_foreign_expired_or_of_another_purpose(auth):
    auth.member("kim@example.com")
    auth.register("lee@example.com")
    auth.post("/v1/password/forgot", {"email": "kim@example.com"})
    old = auth.mail_token("kim@example.com", "reset")
    auth.post("/v1/password/forgot", {"email": "kim@example.com"})
    new = auth.mail_token("kim@example.com", "reset")
    request_id, _, mac = new.partition(".")
    foreign = auth.mail_token("lee@example.com", "verify")
    mixed = f"{foreign.partition('.')[0]}.{mac}"

    def status(token, password=NEW):
        return auth.post("/v1/password/reset", {"token": token, "password": password}).status_code

    assert [status(token) for token in (old, foreign, mixed, request_id, f"{new}=", "")] == [400] * 6
    assert status(new, "short") == 422
    assert status(new) == 204
    assert status(new) == 400


def test_row_40_a_reset_token_dies_after_ten_minutes_and_with_the_address(auth):
    auth.member()
    auth.post("/v1/password/forgot", {"email": "kim@example.com"})
    token = auth.mail_token("kim@example.com", "reset")
    body = {"token": token, "password": NEW}
    lifetime = auth.sql("SELECT expires_at - created_at FROM mail_request WHERE purpose = 'reset'")[0][0]
    assert lifetime.total_seconds() == 600
    auth.sql("UPDATE users SET email_key = 'changed@example.com'")
    assert auth.post("/v1/password/reset", body).status_code == 400
    auth.sql("UPDATE users SET email_key = 'kim@example.com'")
    auth.sql("UPDATE mail_request SET expires_at = now() - interval '1 second'")
    assert auth.post("/v1/password/reset", body).status_code == 400


def test_a_reset_verifies_the_address_and_signs_nobody_in(auth):
    auth.register("kim@example.com", "attacker knows this one")
    auth.post("/v1/password/forgot", {"email": "kim@example.com"})
    body = {"token": auth.mail_token("kim@example.com", "reset"), "password": NEW}
    answer = auth.post("/v1/password/reset", body)
    assert (answer.status_code, answer.data) == (204, b"")
    assert auth.log_in(password="attacker knows this one").status_code == 401
    assert auth.log_in(password=NEW).status_code == 200


def test_sessions_are_listed_newest_first_with_the_current_one_marked(auth):
    auth.member()
    auth.log_in(headers={"User-Agent": "first browser"})
    tokens = auth.log_in(headers={"User-Agent": "second\tbrowser"}).json
    answer = auth.get("/v1/sessions", tokens["access_token"])
    assert answer.status_code == 200
    assert [(entry["current"], entry["user_agent"]) for entry in answer.json["data"]] == [
        (True, "second\tbrowser"),
        (False, "first browser"),
    ]
    assert answer.json["has_more"] is False


def test_listing_and_ending_other_sessions_needs_a_recent_sign_in(auth):
    auth.member()
    other = auth.tokens()
    access = sign_in_long_ago(auth)
    listed = auth.get("/v1/sessions", access)
    ended = auth.call("DELETE", f"/v1/sessions/{other['session_id']}", None, access)
    assert [(answer.status_code, answer.json["code"]) for answer in (listed, ended)] == [
        (403, "step_up_required"),
        (403, "step_up_required"),
    ]


def test_row_46_another_persons_session_is_404_and_lives_on(auth):
    auth.member("kim@example.com")
    auth.member("lee@example.com")
    kim, lee = auth.tokens("kim@example.com"), auth.tokens("lee@example.com")
    for session_id in (lee["session_id"], "ses_" + "0" * 32, "nonsense", "%00"):
        assert auth.call("DELETE", f"/v1/sessions/{session_id}", None, kim["access_token"]).status_code == 404
    assert auth.get("/v1/me", lee["access_token"]).status_code == 200


def test_a_session_can_be_ended_twice(auth):
    auth.member()
    here, there = auth.tokens(), auth.tokens()
    for _ in range(2):
        path = f"/v1/sessions/{there['session_id']}"
        assert auth.call("DELETE", path, None, here["access_token"]).status_code == 204
    assert auth.get("/v1/me", there["access_token"]).status_code == 401
    assert len(auth.events("auth.session.revoked")) == 1


@pytest.mark.parametrize(
    ("scope", "alive"),
    [("local", [False, True]), ("others", [True, False]), ("global", [False, False]), ("", [False, True])],
)
def test_signing_out_ends_this_session_the_others_or_all(auth, scope, alive):
    auth.member()
    tokens = [auth.tokens(), auth.tokens()]
    query = f"?scope={scope}" if scope else ""
    assert auth.post(f"/v1/logout{query}", None, tokens[0]["access_token"]).status_code == 204
    assert [auth.get("/v1/me", token["access_token"]).status_code == 200 for token in tokens] == alive
    assert [auth.refresh(token["refresh_token"]).status_code == 200 for token in tokens] == alive


def test_signing_out_is_idempotent_also_with_an_ended_session(auth):
    auth.member()
    access = auth.tokens()["access_token"]
    for _ in range(3):
        assert auth.post("/v1/logout", None, access).status_code == 204
    assert auth.post("/v1/logout").status_code == 401
    assert auth.post("/v1/logout", None, access[:-4] + "AAAA").status_code == 401
    assert auth.post("/v1/logout?scope=universe", None, auth.tokens()["access_token"]).status_code == 400
