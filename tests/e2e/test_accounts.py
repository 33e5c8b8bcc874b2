"""Accounts: addresses proved by mail, passwords forgotten, sessions ended."""

import secrets

import pytest
from waybill_testkit.waiting import eventually

pytestmark = pytest.mark.e2e


def test_a_forgotten_password_is_reset_by_mail_and_ends_the_sessions(kim, api, mailbox, product):
    order = kim.place({product(): 1}).expect(201).json
    mailbox.wait(kim.email, 2)  # verify, placed
    api.call("auth", "POST /v1/password/forgot", {"email": kim.email}).expect(202)
    new = {"token": mailbox.token(kim.email, 3), "password": secrets.token_urlsafe(18)}
    api.call("auth", "POST /v1/password/reset", new).expect(204)
    assert api.call("auth", "POST /v1/password/reset", new).expect(400).code == "invalid_or_expired_token"
    api.call("auth", "POST /v1/login", {"email": kim.email, "password": kim.password}).expect(401)
    eventually(lambda: kim.get("orders", f"/v1/orders/{order['id']}").status == 401, within_seconds=20)
    kim.password = new["password"]
    kim.sign_in()
    assert kim.order(order)["id"] == order["id"]
    mailbox.wait(kim.email, 4)  # … and a notice that the password was changed


def test_an_unknown_address_is_answered_alike(api):
    api.call("auth", "POST /v1/password/forgot", {"email": "nobody@waybill.example"}).expect(202)


def test_a_second_registration_is_told_to_the_owner_alone(kim, api, mailbox):
    body = {"email": kim.email, "password": secrets.token_urlsafe(18), "name": "Mallory"}
    again = api.call("auth", "POST /v1/register", body).expect(202)
    fresh = {"email": f"new-{secrets.token_hex(4)}@waybill.example", "password": secrets.token_urlsafe(18)}
    first = api.call("auth", "POST /v1/register", fresh).expect(202)
    assert again.body == first.body
    mailbox.wait(kim.email, 2)
    api.call("auth", "POST /v1/login", {"email": kim.email, "password": kim.password}).expect(200)


def test_nobody_signs_in_before_the_address_is_proved(api):
    body = {"email": f"new-{secrets.token_hex(4)}@waybill.example", "password": secrets.token_urlsafe(18)}
    api.call("auth", "POST /v1/register", body).expect(202)
    assert api.call("auth", "POST /v1/login", body).expect(403).code == "email_not_verified"


def test_a_logout_reaches_the_other_services(kim):
    kim.get("orders", "/v1/orders").expect(200)
    kim.call("auth", "POST /v1/logout?scope=local").expect(204)
    eventually(lambda: kim.get("orders", "/v1/orders").status == 401, within_seconds=20)
    eventually(lambda: kim.get("notifier", "/v1/notifications").status == 401, within_seconds=20)


def test_a_session_is_refreshed(kim, api):
    body = {"refresh_token": kim.refresh_token}
    first = api.call("auth", "POST /v1/token/refresh", body).expect(200).json
    again = api.call("auth", "POST /v1/token/refresh", body).expect(200).json
    assert first["refresh_token"] == again["refresh_token"]


def test_a_korean_reader_gets_korean_mails(api, mailbox):
    email = f"kim-{secrets.token_hex(4)}@waybill.example"
    body = {"email": email, "password": secrets.token_urlsafe(18), "name": "김하늘", "locale": "ko"}
    api.call("auth", "POST /v1/register", body).expect(202)
    mail = mailbox.wait(email, 1)[0]
    assert any("가" <= letter <= "힣" for letter in mail["subject"])
    assert mail["headers"]["Content-Language"] == "ko"
