"""Registration, verification and the rules of addresses and passwords (attack rows 24, 34, 35, 36, 42 and 45)."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

PASSWORD = "nine purple kettles sing"
pytestmark = pytest.mark.integration


ODD_ADDRESSES = [
    "no at sign",
    "a@b",
    "a" * 65 + "@example.com",
    "ａ@example.com",
    "a@ⓔxample.com",
    "ﬁ@example.com",
    "a b@example.com",
    "a@example..com",
    "a@" + "b" * 250 + ".com",
    '"a b"@example.com',
]


def bare(answer):
    """A whole answer without what differs by right: request id and date."""
    body = answer.get_json(silent=True) or {}
    headers = {name: value for name, value in answer.headers.items() if name not in {"X-Request-Id", "Date"}}
    return answer.status_code, {**body, "request_id": ""}, headers


def test_row_24_registration_answers_new_verified_and_unverified_addresses_alike(auth):
    auth.member("verified@example.com")
    auth.register("unverified@example.com")
    answers = [auth.register(f"{name}@example.com") for name in ("new", "verified", "unverified")]
    assert bare(answers[0]) == bare(answers[1]) == bare(answers[2])
    assert answers[0].json == {}
    assert auth.mail("verified@example.com", "already_registered")["link"] == "https://shop.example/reset"
    assert auth.mail("unverified@example.com", "verify")


def test_row_24_forgot_answers_known_and_unknown_addresses_alike_with_the_same_work(auth):
    auth.member("known@example.com")
    known, unknown = (
        auth.post("/v1/password/forgot", {"email": f"{name}@example.com"}) for name in ("known", "unknown")
    )
    assert bare(known) == bare(unknown)
    assert (known.status_code, known.json) == (202, {})
    rows = auth.sql("SELECT user_id IS NULL FROM mail_request WHERE purpose = 'reset' ORDER BY created_at")
    assert rows == [(False,), (True,)]
    assert len([event for event in auth.events("auth.mail.requested") if event.data["purpose"] == "reset"]) == 1


def test_an_unverified_accounts_password_is_not_replaced_by_registering_again(auth):
    auth.register("kim@example.com")
    before = auth.sql("SELECT password_hash FROM users")
    auth.register("kim@example.com", "a quite different password")
    assert auth.sql("SELECT password_hash FROM users") == before


def test_the_mail_of_a_registration_is_sent_once_a_minute_and_five_times_a_day(make_auth):
    auth = make_auth(MAIL_BURST_LIMIT="1", MAIL_DAILY_LIMIT="5", MAIL_BURST_WINDOW_SECONDS="60")
    for _ in range(3):
        assert auth.register("kim@example.com").status_code == 202
    assert len(auth.events("auth.mail.requested")) == 1
    for _ in range(8):
        auth.sql("UPDATE throttle SET started_at = started_at - interval '61 seconds'")
        assert auth.register("kim@example.com").status_code == 202
    assert len(auth.events("auth.mail.requested")) == 5


def test_row_45_a_pre_registered_password_does_not_open_the_account_once_its_owner_verified(auth):
    auth.register("victim@example.com", "attacker knows this one")
    assert auth.verify("victim@example.com", "only the victim knows it").status_code == 204
    assert auth.log_in("victim@example.com", "attacker knows this one").status_code == 401
    assert auth.log_in("victim@example.com", "only the victim knows it").status_code == 200


def test_a_weak_password_does_not_spend_the_verification_token(auth):
    auth.register("kim@example.com")
    token = auth.mail_token("kim@example.com", "verify")
    weak = auth.post("/v1/email/verify", {"token": token, "password": "short"})
    assert (weak.status_code, weak.json["reasons"]) == (422, ["too_short"])
    assert auth.post("/v1/email/verify", {"token": token, "password": PASSWORD}).status_code == 204


def test_a_verification_token_is_good_once_and_a_newer_one_replaces_it(auth):
    auth.register("kim@example.com")
    old = auth.mail_token("kim@example.com", "verify")
    auth.register("kim@example.com")
    new = auth.mail_token("kim@example.com", "verify")
    statuses = [
        auth.post("/v1/email/verify", {"token": token, "password": PASSWORD}) for token in (old, new, new, "junk", "")
    ]
    assert [answer.status_code for answer in statuses] == [400, 204, 400, 400, 400]
    codes = {answer.json["code"] for answer in statuses if answer.status_code == 400}
    assert codes == {"invalid_or_expired_token"}


def test_of_racing_verifications_exactly_one_succeeds(auth):
    auth.register("kim@example.com")
    token = auth.mail_token("kim@example.com", "verify")
    barrier = Barrier(4)

    def verify(_number):
        barrier.wait()
        return auth.post("/v1/email/verify", {"token": token, "password": PASSWORD}).status_code

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(verify, range(4))) == [204, 400, 400, 400]


def test_racing_registrations_of_one_address_make_one_account(auth):
    barrier = Barrier(4)

    def register(_number):
        barrier.wait()
        return auth.register("kim@example.com").status_code

    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(register, range(4))) == {202}
    assert auth.sql("SELECT count(*) FROM users") == [(1,)]
    numbers = [event.sequence for event in auth.events() if event.subject.startswith("usr_")]
    assert numbers == list(range(1, len(numbers) + 1))


WEAK = [
    ("fourteen chars", "too_short"),
    ("password123password123", "common"),
    ("aaaaaaaaaaaaaaaaaaaa", "common"),
    ("qwertyuiopasdfghjkl", "common"),
    ("abcdefghijklmnopqrs", "common"),
    ("Waybillkimberley", "personal"),
    ("elpmaxe.yelrebmik", "personal"),
]


def test_weak_passwords_are_refused_with_their_reason(auth):
    for password, reason in WEAK:
        answer = auth.register("kimberley@example.com", password, name="Kim Example")
        assert (answer.status_code, answer.json["code"]) == (422, "weak_password"), password
        assert reason in answer.json["reasons"]
    assert auth.sql("SELECT count(*) FROM users") == [(0,)]


def test_row_42_addresses_that_look_like_others_or_are_none_are_422(auth):
    for email in ODD_ADDRESSES:
        assert auth.register(email).status_code == 422, email


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("kim@example.com", "KIM@EXAMPLE.COM"),
        ("kim@example.com", "\u212aim@example.com"),
        ("strasse@example.com", "straße@example.com"),
        ("jos\u00e9@example.com", "jose\u0301@example.com"),
        ("kim@bücher.example", "kim@xn--bcher-kva.example"),
    ],
)
def test_row_42_two_spellings_of_one_key_are_one_account_and_mail_goes_to_the_stored_address(auth, first, second):
    auth.member(first)
    assert auth.register(second).status_code == 202
    assert auth.post("/v1/password/forgot", {"email": second}).status_code == 202
    assert auth.sql("SELECT email FROM users") == [(first,)]
    assert auth.mail(first, "already_registered")["email"] == first
    assert auth.mail(first, "reset")["email"] == first


def test_row_42_a_dotless_i_is_another_account(auth):
    auth.member("kim@example.com")
    auth.register("kım@example.com")
    assert auth.sql("SELECT count(DISTINCT email_key) FROM users") == [(2,)]


PUBLIC_BODIES = {
    "/v1/register": {"email": "kim@example.com", "password": PASSWORD, "name": "Kim", "locale": "en"},
    "/v1/email/verify": {"token": "x", "password": PASSWORD},
    "/v1/login": {"email": "kim@example.com", "password": PASSWORD},
    "/v1/token/refresh": {"refresh_token": "x"},
    "/v1/password/forgot": {"email": "kim@example.com"},
    "/v1/password/reset": {"token": "x", "password": PASSWORD},
}
FIELDS = [(path, field) for path, body in PUBLIC_BODIES.items() for field in body]


def test_row_35_a_member_of_the_wrong_type_is_400(auth):
    for path, field in FIELDS:
        for value in ({"$ne": ""}, ["a"], 1, True, 1.5):
            answer = auth.post(path, {**PUBLIC_BODIES[path], field: value})
            assert (answer.status_code, answer.json["code"]) == (400, "invalid_request"), (path, field, value)


def test_row_35_a_missing_member_is_422(auth):
    for path, field in FIELDS:
        body = {name: value for name, value in PUBLIC_BODIES[path].items() if name != field}
        assert field in {"name", "locale"} or auth.post(path, body).status_code == 422, (path, field)


RAW = {
    "duplicate": (b'{"email":"a@b.de","email":"c@d.de"}', 400),
    "NaN": (b'{"email":NaN}', 400),
    "1e999": (b'{"email":1e999}', 400),
    "null": (b"null", 400),
    "array": (b"[]", 400),
    "deep": (b"[" * 8_000 + b"]" * 8_000, 400),
    "huge integer": (b'{"email":' + b"9" * 5_000 + b"}", 400),
    "BOM": (b'\xef\xbb\xbf{"email":"a@b.de"}', 400),
    "UTF-16": ('{"email":"a@b.de"}'.encode("utf-16"), 400),
    "too large": (b'{"email":"' + b"a" * 17_000 + b'"}', 413),
}


def test_row_34_strict_json(auth):
    for path in PUBLIC_BODIES:
        for name, (raw, status) in RAW.items():
            answer = auth.client.post(path, data=raw, content_type="application/json")
            assert answer.status_code == status, (path, name)
            assert answer.content_type == "application/problem+json"


def test_row_34_only_json_in_utf_8_is_read(auth):
    for path in PUBLIC_BODIES:
        for media_type in ("text/plain", "application/x+json", "application/json; charset=utf-7", ""):
            answer = auth.client.post(path, data=b"{}", content_type=media_type)
            assert answer.status_code == 415, (path, media_type)


PROTECTED = ("id", "role", "roles", "email_verified", "email_verified_at", "disabled", "disabled_at", "password_hash")


def test_row_36_protected_fields_are_unknown_to_public_routes(auth):
    for path, body in PUBLIC_BODIES.items():
        for field in PROTECTED:
            answer = auth.post(path, {**body, field: "admin"})
            assert (answer.status_code, answer.json["code"]) == (400, "unknown_field"), (path, field)
    assert auth.sql("SELECT count(*) FROM users") == [(0,)]


def test_row_36_protected_fields_are_unknown_to_the_profile_and_leave_it_unchanged(auth):
    auth.member()
    access = auth.tokens()["access_token"]
    before = auth.sql("SELECT * FROM users")
    for field in (*PROTECTED, "email", "password"):
        answer = auth.call("PATCH", "/v1/me", {"name": "Lee", field: "admin"}, access)
        assert (answer.status_code, answer.json["code"]) == (400, "unknown_field"), field
    assert auth.sql("SELECT * FROM users") == before


def test_rows_37_and_38_names_with_controls_or_directions_or_too_long_are_refused(auth):
    for name in ("a\r\nBcc: x@example.com", "a\u202eb", "x" * 101, "\x07"):
        assert auth.register("kim@example.com", name=name).status_code == 422, ascii(name)
    assert auth.register("kim@example.com", name="a\0b").status_code == 400


def test_registration_by_client_address_is_limited(make_auth):
    auth = make_auth(REGISTER_IP_LIMIT="2")
    statuses = [auth.register(f"user{number}@example.com").status_code for number in range(3)]
    assert statuses == [202, 202, 429]


def test_every_account_event_is_numbered_without_gaps(auth):
    user_id = auth.member()
    auth.tokens()
    auth.grant("kim@example.com", "staff")
    events = [event for event in auth.events() if event.subject == user_id]
    assert [event.sequence for event in events] == list(range(1, len(events) + 1))
    assert [event.type for event in events] == [
        "auth.user.registered",
        "auth.mail.requested",
        "auth.user.email_verified",
        "auth.user.roles_changed",
        "auth.user.revoked",
        "auth.session.revoked",
    ]
    assert auth.sql("SELECT event_sequence FROM users") == [(len(events),)]


def test_the_audit_log_can_only_grow(auth):
    auth.member()
    for statement in ("UPDATE audit_log SET actor = 'x'", "DELETE FROM audit_log", "TRUNCATE audit_log"):
        with pytest.raises(Exception, match="append only"):
            auth.sql(statement)
