"""Mailed links and the pages they open (attack rows 39, 40 and 41)."""

import pytest

pytestmark = pytest.mark.integration

POISON = [
    {"Host": "evil.example"},
    {"X-Forwarded-Host": "evil.example"},
    {"X-Forwarded-Proto": "http"},
    {"X-Forwarded-Port": "1"},
    {"Forwarded": "host=evil.example"},
]


def test_row_39_links_are_built_from_configuration_whatever_the_request_says(auth):
    auth.member()
    for headers in POISON:
        answer = auth.post("/v1/password/forgot", {"email": "kim@example.com"}, headers=headers)
        assert answer.status_code == 202
        mail = auth.get(
            f"/internal/mail-requests/{newest(auth)}",
            auth.service_token(),
            headers={"X-Forwarded-Host": "evil.example"},
        )
        assert mail.json["link"].startswith("https://shop.example/reset#token="), headers


def newest(auth):
    return auth.sql("SELECT id FROM mail_request WHERE purpose = 'reset' ORDER BY created_at DESC, id DESC")[0][0]


def test_row_39_an_unknown_host_is_400_where_hosts_are_configured(make_auth):
    auth = make_auth(TRUSTED_HOSTS="shop.example")
    body = {"email": "kim@example.com"}
    assert auth.post("/v1/password/forgot", body, headers={"Host": "evil.example"}).status_code == 400
    assert auth.post("/v1/password/forgot", body, headers={"Host": "shop.example"}).status_code == 202


@pytest.mark.parametrize("page", ["/verify", "/reset"])
def test_row_40_pages_send_no_referrer_and_load_nothing_from_elsewhere(auth, page):
    answer = auth.get(page)
    assert answer.status_code == 200
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    policy = answer.headers["Content-Security-Policy"]
    assert policy.startswith("default-src 'none'; script-src 'sha256-")
    assert "frame-ancestors 'none'" in policy
    text = answer.get_data(as_text=True)
    assert "http://" not in text
    assert "https://" not in text


def test_row_41_a_scanner_that_reads_every_link_five_times_spends_no_token(auth):
    auth.register("kim@example.com")
    for purpose, path in (("verify", "/v1/email/verify"), ("reset", "/v1/password/reset")):
        if purpose == "reset":
            auth.post("/v1/password/forgot", {"email": "kim@example.com"})
        token = auth.mail_token("kim@example.com", purpose)
        for _ in range(5):
            for method in ("GET", "HEAD"):
                assert auth.call(method, f"/{purpose}?token={token}").status_code == 200
                assert auth.call(method, path).status_code == 405
        body = {"token": token, "password": "nine purple kettles sing"}
        assert auth.post(path, body).status_code == 204


def test_the_forms_of_the_pages_name_the_routes_that_exist(auth):
    text = auth.get("/verify").get_data(as_text=True)
    rules = {rule.rule for rule in auth.app.url_map.iter_rules()}
    for route in ("/v1/email/verify", "/v1/password/reset", "/v1/password/forgot"):
        assert route in text
        assert route in rules
