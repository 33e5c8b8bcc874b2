"""Refresh tokens: rotation, races, theft (attack rows 17, 18 and 19)."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import jwt
import pytest

pytestmark = pytest.mark.integration


def age_rotation(auth, seconds):
    auth.sql("UPDATE sessions SET rotated_at = rotated_at - make_interval(secs => :s)", s=seconds)


def test_row_17_of_32_racers_all_get_the_same_single_successor(auth):
    auth.member()
    tokens = auth.tokens()
    barrier = Barrier(32)

    def race(_number):
        barrier.wait()
        return auth.refresh(tokens["refresh_token"])

    with ThreadPoolExecutor(32) as pool:
        answers = list(pool.map(race, range(32)))
    assert [answer.status_code for answer in answers] == [200] * 32
    successors = {answer.json["refresh_token"] for answer in answers}
    assert len(successors) == 1
    assert auth.sql("SELECT counter, revoked_at FROM sessions") == [(2, None)]
    assert auth.refresh(successors.pop()).status_code == 200


def test_row_17_a_second_use_within_the_grace_repeats_the_successor_and_counts_nothing(auth):
    auth.member()
    first = auth.tokens()["refresh_token"]
    second = auth.refresh(first).json["refresh_token"]
    assert auth.refresh(first).json["refresh_token"] == second
    assert auth.sql("SELECT counter FROM sessions") == [(2,)]


def test_row_18_a_replay_after_the_grace_ends_the_session_for_thief_and_owner(auth):
    user_id = auth.member()
    stolen = auth.tokens()["refresh_token"]
    current = auth.refresh(stolen).json
    age_rotation(auth, 11)
    thief = auth.refresh(stolen)
    owner = auth.refresh(current["refresh_token"])
    assert (thief.status_code, owner.status_code) == (400, 400)
    assert thief.json["code"] == owner.json["code"] == "invalid_grant"
    assert {**thief.json, "request_id": ""} == {**owner.json, "request_id": ""}
    assert auth.get("/v1/me", current["access_token"]).status_code == 401
    assert [event.type for event in auth.events("auth.session.%")] == [
        "auth.session.refresh_reuse",
        "auth.session.revoked",
    ]
    assert auth.events("auth.session.revoked")[0].data["sid"] == current["session_id"]
    assert auth.sql("SELECT subject FROM audit_log WHERE action = 'session.refresh_reuse'") == [(user_id,)]


def test_row_18_a_token_further_behind_is_reuse_even_within_the_grace(auth):
    auth.member()
    first = auth.tokens()["refresh_token"]
    auth.refresh(auth.refresh(first).json["refresh_token"])
    assert auth.refresh(first).status_code == 400
    assert auth.sql("SELECT revoked_reason FROM sessions") == [("refresh_reuse",)]


@pytest.mark.parametrize("fault", ["changed", "padded", "empty", "junk", "access token", "unknown session"])
def test_a_forged_refresh_token_earns_nothing_and_ends_nothing(auth, fault):
    auth.member()
    tokens = auth.tokens()
    good = tokens["refresh_token"]
    forged = {
        "changed": good[:-3] + ("AAA" if good[-3:] != "AAA" else "BBB"),
        "padded": good + "==",
        "empty": "",
        "junk": "wbr1_" + "A" * 30,
        "access token": tokens["access_token"],
        "unknown session": good[:10] + ("A" if good[10] != "A" else "B") + good[11:],
    }[fault]
    answer = auth.refresh(forged)
    assert (answer.status_code, answer.json["code"]) == (400, "invalid_grant")
    assert auth.refresh(good).status_code == 200


@pytest.mark.parametrize("column", ["idle_expires_at", "absolute_expires_at"])
def test_an_expired_session_gives_no_tokens(auth, column):
    auth.member()
    token = auth.tokens()["refresh_token"]
    auth.sql(f"UPDATE sessions SET {column} = now() - interval '1 second'")
    assert auth.refresh(token).status_code == 400


def test_the_idle_end_moves_with_use_and_never_past_the_absolute_one(auth):
    auth.member()
    token = auth.tokens()["refresh_token"]
    auth.sql("UPDATE sessions SET absolute_expires_at = now() + interval '1 hour'")
    auth.refresh(token)
    assert auth.sql("SELECT idle_expires_at = absolute_expires_at FROM sessions") == [(True,)]


def test_row_19_another_client_cannot_use_the_token_and_the_scope_never_widens(auth):
    auth.member()
    token = auth.tokens()["refresh_token"]
    form = {"grant_type": "refresh_token", "refresh_token": token}
    foreign = auth.client.post(
        "/oauth/token", data={**form, "client_id": "svc_notifier", "client_secret": "notifier-secret"}
    )
    assert (foreign.status_code, foreign.json["error"]) == (400, "unauthorized_client")
    wider = auth.client.post("/oauth/token", data={**form, "client_id": "waybill", "scope": "users:admin"})
    assert (wider.status_code, wider.json["error"]) == (400, "invalid_scope")
    auth.sql("UPDATE sessions SET client_id = 'another'")
    other = auth.client.post("/oauth/token", data={**form, "client_id": "waybill"})
    assert (other.status_code, other.json["error"]) == (400, "invalid_grant")


def test_a_refresh_may_narrow_the_scope(auth):
    auth.member()
    auth.grant("kim@example.com", "staff")
    form = {"grant_type": "refresh_token", "refresh_token": auth.tokens()["refresh_token"], "client_id": "waybill"}
    answer = auth.client.post("/oauth/token", data={**form, "scope": "stock:write"})
    assert answer.json["scope"] == "stock:write"
    claims = jwt.decode(answer.json["access_token"], options={"verify_signature": False})
    assert claims["scope"] == "stock:write"


def test_a_session_key_sealed_by_an_old_key_is_sealed_anew(auth, make_auth):
    auth.member()
    token = auth.tokens()["refresh_token"]
    import base64

    new = f"k2:{base64.b64encode(b'n' * 32).decode()}"
    old = auth.settings.key_encryption_keys.get_secret_value()
    url = auth.settings.database_url.get_secret_value()
    rotated = make_auth(url, KEY_ENCRYPTION_KEYS=f"{new},{old}")
    successor = rotated.refresh(token).json["refresh_token"]
    assert bytes(auth.sql("SELECT hmac_key_enc FROM sessions")[0][0]).startswith(b"k2.")
    gone = make_auth(url, KEY_ENCRYPTION_KEYS=f"{new},{old}")
    assert gone.refresh(successor).status_code == 200
