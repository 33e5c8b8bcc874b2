"""Sign-in: equal work, equal answers, the throttle (attack rows 23, 24, 26, 30, 31, 32, 33)."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import bcrypt
import jwt
import pytest
from waybill_auth.gateways import password_hasher
from waybill_auth.use_cases.set_account_state import SetAccountState

from_hash = password_hasher.bcrypt_once
pytestmark = pytest.mark.integration


@pytest.fixture
def hashes(monkeypatch):
    """The cost of every bcrypt hash that is made, in order."""
    costs = []

    def count(secret, salt):
        costs.append(int(salt[4:6]))
        return from_hash(secret, salt)

    monkeypatch.setattr(password_hasher, "bcrypt_once", count)
    return costs


def make_every_kind_of_account(auth):
    auth.register("unverified@example.com")
    for name in ("member", "disabled", "nopassword"):
        auth.member(f"{name}@example.com")
    auth.commands.set_account_state(SetAccountState("disabled@example.com", disables=True))
    auth.sql("UPDATE users SET password_hash = NULL WHERE email = 'nopassword@example.com'")


FAILURES = {
    "unknown": ("nobody@example.com", "not the right password"),
    "wrong": ("member@example.com", "not the right password"),
    "empty": ("member@example.com", ""),
    "no password set": ("nopassword@example.com", "not the right password"),
    "disabled, wrong": ("disabled@example.com", "not the right password"),
    "unverified, wrong": ("unverified@example.com", "not the right password"),
    "73 bytes": ("member@example.com", "x" * 73),
    "1,025 bytes": ("member@example.com", "x" * 1025),
    "no address": ("not an address", "not the right password"),
    "look-alike": ("member@ⓔxample.com", "not the right password"),
    "empty address": ("", ""),
}


def test_row_23_every_refused_sign_in_does_exactly_one_hash_at_the_current_cost(auth, hashes):
    make_every_kind_of_account(auth)
    answers = {}
    for name, (email, password) in FAILURES.items():
        hashes.clear()
        answers[name] = auth.log_in(email, password)
        assert hashes == [4], name
    bodies = {name: {**answer.json, "request_id": ""} for name, answer in answers.items()}
    headers = {name: sorted(set(answer.headers.keys())) for name, answer in answers.items()}
    assert {answer.status_code for answer in answers.values()} == {401}
    assert len({str(body) for body in bodies.values()}) == 1
    assert len({str(names) for names in headers.values()}) == 1
    assert len({answer.content_length for answer in answers.values()}) == 1


def test_row_23_account_states_are_told_only_after_the_right_password(auth, hashes):
    make_every_kind_of_account(auth)
    hashes.clear()
    assert auth.log_in("disabled@example.com").json["code"] == "account_disabled"
    assert auth.log_in("unverified@example.com").json["code"] == "email_not_verified"
    assert hashes == [4, 4]


def test_row_23_a_cheaper_stored_hash_is_topped_up_to_the_current_cost_and_replaced(auth, make_auth, hashes):
    auth.member()
    dearer = make_auth(auth.settings.database_url.get_secret_value(), HASH_COST="6")
    hashes.clear()
    assert dearer.log_in(password="not the right password").status_code == 401
    assert sum(2**cost for cost in hashes) == 2**6
    hashes.clear()
    assert dearer.log_in().status_code == 200
    assert hashes == [4, 4, 5, 6]  # one hash's worth of work, then the new hash
    hashes.clear()
    assert dearer.log_in().status_code == 200
    assert hashes == [6]


def test_row_26_a_hundred_parallel_guesses_get_no_more_hashes_than_the_bucket_holds(make_auth, hashes):
    auth = make_auth(LOGIN_FIRST_WAIT_SECONDS="600")
    auth.member("kim@example.com")
    hashes.clear()
    barrier = Barrier(50)

    def guess(number):
        barrier.wait()
        return auth.log_in(password=f"guess number {number}").status_code

    with ThreadPoolExecutor(50) as pool:
        statuses = list(pool.map(guess, range(100)))
    assert len(hashes) <= 5
    assert set(statuses) <= {401, 429, 503}
    assert statuses.count(401) <= 5


def test_row_25_known_and_unknown_addresses_are_throttled_alike(make_auth, hashes):
    auth = make_auth(LOGIN_FIRST_WAIT_SECONDS="600")
    auth.member("kim@example.com")
    hashes.clear()
    sequences = {
        email: [auth.log_in(email, "not the right password").status_code for _ in range(12)]
        for email in ("kim@example.com", "nobody@example.com")
    }
    assert sequences["kim@example.com"] == sequences["nobody@example.com"] == [401] * 5 + [429] * 7
    assert len(hashes) == 10
    refused = auth.log_in("kim@example.com")
    assert refused.json["code"] == "too_many_attempts"
    assert int(refused.headers["Retry-After"]) > 500


def test_waits_double_from_the_first_second_to_a_quarter_of_an_hour_and_twelve_hours_forgive(auth):
    def guess_when(row, **values):
        auth.sql(f"UPDATE throttle SET next_at = now() - interval '1 second', {row}", **values)
        assert auth.log_in(password="wrong").status_code == 401
        return int(auth.log_in(password="wrong").headers.get("Retry-After", 0))

    auth.member()
    assert auth.log_in(password="wrong").status_code == 401
    waits = [guess_when("hits = :failures", failures=failures) for failures in (4, 5, 6, 13, 14, 10_000)]
    assert waits == [1, 2, 4, 512, 900, 900]
    assert guess_when("last_at = now() - interval '12 hours 1 second'") == 0


def test_a_successful_sign_in_gives_the_attempts_back(make_auth):
    auth = make_auth(LOGIN_FIRST_WAIT_SECONDS="600")
    auth.member()
    for _ in range(3):
        for _ in range(4):
            assert auth.log_in(password="wrong").status_code == 401
        assert auth.log_in().status_code == 200


def test_the_limit_by_client_address_answers_429_without_a_hash(make_auth, hashes):
    auth = make_auth(LOGIN_IP_LIMIT="3")
    statuses = [auth.log_in(f"user{number}@example.com", "wrong").status_code for number in range(5)]
    assert statuses == [401, 401, 401, 429, 429]
    assert len(hashes) == 3
    elsewhere = auth.log_in("user9@example.com", "wrong", environ_base={"REMOTE_ADDR": "192.0.2.9"})
    assert elsewhere.status_code == 401


def test_a_full_hash_gate_answers_503_and_takes_no_attempt(auth, monkeypatch):
    auth.member()
    gate = auth.dependencies.accounts.log_in.keywords["hasher"]._gate
    monkeypatch.setattr(gate, "_take_slot", lambda: False)
    for _ in range(8):
        answer = auth.log_in()
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
    monkeypatch.undo()
    assert auth.log_in().status_code == 200


@pytest.mark.parametrize("length", [64, 73, 200, 256])
def test_row_30_long_passwords_are_used_whole(auth, length):
    password = ("korrekt pferd 7 batterie klammer " * 9)[:length]
    auth.member(password=password)
    assert auth.log_in(password=password).status_code == 200
    assert auth.log_in(password=password[:-1] + "#").status_code == 401
    tokens = auth.tokens(password=password)
    change = {"current": password[:-1] + "#", "new": "another seven kettles sing"}
    assert auth.post("/v1/password/change", change, tokens["access_token"]).status_code == 401


@pytest.mark.parametrize("password", ["ü" * 257, "🚚 " * 300, "a b" * 400], ids=["257 points", "bytes", "1,200"])
def test_row_30_over_long_passwords_are_422_on_set_and_401_on_sign_in(auth, password):
    auth.member()
    refused = auth.register("lee@example.com", password)
    assert (refused.status_code, refused.json["code"]) == (422, "weak_password")
    assert "too_long" in refused.json["reasons"]
    assert auth.log_in(password=password).status_code == 401
    access = auth.tokens()["access_token"]
    change = auth.post("/v1/password/change", {"current": "nine purple kettles sing", "new": password}, access)
    assert change.status_code == 422


def test_row_30_64_characters_outside_of_ascii_are_accepted(auth):
    password = "쇼핑몰운송장배달상자" * 6 + "끝입니다"
    auth.member(password=password)
    assert auth.log_in(password=password).status_code == 200
    assert auth.log_in(password=password[:-1]).status_code == 401


@pytest.mark.parametrize("password", ["nine purple kettles sing\0x", "\0", "pw\0pw"])
def test_row_31_nul_in_a_password_is_400(auth, password):
    auth.member()
    assert auth.log_in(password=password).status_code == 400
    assert auth.register("lee@example.com", password).status_code == 400


@pytest.mark.parametrize("member", ["email", "password"])
def test_row_32_a_lone_surrogate_is_400(auth, member):
    body = {"email": '"kim@example.com"', "password": '"nine purple kettles sing"'} | {member: '"a\\ud800b"'}
    raw = f'{{"email": {body["email"]}, "password": {body["password"]}}}'
    for path in ("/v1/login", "/v1/register"):
        answer = auth.client.post(path, data=raw, content_type="application/json")
        assert answer.status_code == 400


@pytest.mark.parametrize(
    "stored",
    ["", "$2b$04$short", "argon2id$v=19$x", "h1$k9$$2b$04$" + "a" * 53, "h1$k1$nonsense", "$2b$99$" + "a" * 53],
)
def test_row_33_an_unreadable_stored_hash_is_401_with_one_hash_and_a_metric(auth, hashes, stored):
    auth.member()
    auth.sql("UPDATE users SET password_hash = :stored", stored=stored)
    hashes.clear()
    assert auth.log_in().status_code == 401
    assert hashes == [4]
    count = auth.dependencies.registry.get_sample_value("auth_stored_hash_unreadable_total")
    assert count == 1


def test_row_33_a_stored_hash_with_stray_bits_matches_nothing(auth):
    auth.member()
    stored = auth.sql("SELECT password_hash FROM users")[0][0]
    auth.sql("UPDATE users SET password_hash = :stored", stored=stored[:-1] + ("/" if stored[-1] != "/" else "."))
    assert auth.log_in().status_code == 401


def test_a_plain_bcrypt_hash_of_72_bytes_opens_and_becomes_h1(auth):
    password = "an old password that is longer than what bcrypt ever read, eighty bytes in total!"
    auth.member(password=password)
    old = bcrypt.hashpw(password.encode()[:72], bcrypt.gensalt(4)).decode()
    auth.sql("UPDATE users SET password_hash = :old", old=old)
    assert auth.log_in(password=password).status_code == 200
    assert auth.sql("SELECT password_hash FROM users")[0][0].startswith("h1$k1$$2b$04$")
    assert auth.log_in(password=password).status_code == 200
    assert auth.log_in(password=password[:72]).status_code == 401


def test_an_access_token_has_exactly_the_header_and_claims_of_the_design(auth):
    user_id = auth.member()
    tokens = auth.tokens()
    header = jwt.get_unverified_header(tokens["access_token"])
    claims = jwt.decode(tokens["access_token"], options={"verify_signature": False})
    assert set(header) == {"alg", "typ", "kid"}
    assert (header["alg"], header["typ"]) == ("ES256", "at+jwt")
    assert set(claims) == {
        "iss", "aud", "sub", "client_id", "iat", "exp", "jti", "sid", "scope", "roles", "amr", "auth_time", "acr",
    }  # fmt: skip
    assert claims["aud"] == ["auth", "orders", "notifier"]
    assert claims["exp"] - claims["iat"] == 600
    assert (claims["sub"], claims["sid"], claims["scope"]) == (user_id, tokens["session_id"], "")
    assert (claims["roles"], claims["amr"]) == (["customer"], ["pwd"])
    assert "nbf" not in claims


def test_answers_with_tokens_are_not_to_be_stored_and_outcomes_are_counted(auth):
    auth.member()
    answer = auth.log_in()
    auth.log_in(password="wrong")
    assert answer.headers["Cache-Control"] == "no-store"
    sample = auth.dependencies.registry.get_sample_value
    assert sample("auth_logins_total", {"outcome": "succeeded"}) == 1
    assert sample("auth_logins_total", {"outcome": "invalid_credentials"}) == 1
    audited = auth.sql("SELECT action, outcome FROM audit_log WHERE action LIKE 'login.%' ORDER BY position")
    assert audited == [("login.succeeded", "success"), ("login.failed", "refused")]


def test_a_user_has_at_most_twenty_sessions_and_the_oldest_ends(make_auth):
    auth = make_auth(SESSION_MAX_PER_USER="3")
    auth.member()
    tokens = [auth.tokens() for _ in range(4)]
    assert auth.get("/v1/me", tokens[0]["access_token"]).status_code == 401
    assert all(auth.get("/v1/me", later["access_token"]).status_code == 200 for later in tokens[1:])
    assert [event.data["sid"] for event in auth.events("auth.session.revoked")] == [tokens[0]["session_id"]]
