"""The path of a new customer: register, verify, sign in, look at oneself."""

import pytest

pytestmark = pytest.mark.integration


def test_a_person_registers_verifies_signs_in_and_sees_himself(auth):
    assert auth.register("kim@example.com", name="Kim", locale="ko").json == {}
    assert auth.log_in().json["code"] == "email_not_verified"
    mail = auth.mail("kim@example.com", "verify")
    assert mail["link"].startswith("https://shop.example/verify#token=mrq_")
    assert (mail["email"], mail["name"], mail["locale"]) == ("kim@example.com", "Kim", "ko")
    assert auth.verify("kim@example.com").status_code == 204
    tokens = auth.tokens()
    assert tokens["token_type"] == "Bearer"
    assert tokens["expires_in"] == 600
    me = auth.get("/v1/me", tokens["access_token"])
    assert me.status_code == 200
    assert {**me.json, "id": "", "created_at": ""} == {
        "id": "",
        "created_at": "",
        "email": "kim@example.com",
        "name": "Kim",
        "locale": "ko",
        "timezone": "UTC",
        "roles": ["customer"],
    }
