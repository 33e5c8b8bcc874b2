"""The mail catcher's store, page and API."""

from contextlib import closing
from email.message import EmailMessage

import pytest
from waybill_sandbox.mail.app import create_mail_app
from waybill_sandbox.mail.store import MailStore

pytestmark = pytest.mark.unit


def _mail(subject="Hello", html="<p>Hi <b>you</b></p>"):
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "shop@example.com", "kim@example.com", subject
    message["Message-ID"] = "<1@example.com>"
    message.set_content("Hi you")
    message.add_alternative(html, subtype="html")
    return message.as_bytes()


@pytest.fixture
def store(tmp_path):
    store = MailStore(tmp_path / "mail.jsonl")
    yield store
    store.close()


@pytest.fixture
def client(store):
    return create_mail_app(store).test_client()


def test_the_api_tells_what_a_person_would_see(store, client):
    store.add(_mail("주문 확인"), "b@bounce.example.com", ["kim@example.com"])
    (message,) = client.get("/api/messages?to=Kim@example.com").json
    assert message["subject"] == "주문 확인"
    assert message["to"] == "kim@example.com"
    assert message["message_id"] == "<1@example.com>"
    assert message["text"].strip() == "Hi you"
    assert "<b>you</b>" in message["html"]
    assert message["headers"]["From"] == "shop@example.com"
    assert set(message) >= {"id", "to", "subject", "message_id", "text", "html", "headers", "received_at"}


def test_another_address_sees_nothing(store, client):
    store.add(_mail(), "b@example.com", ["kim@example.com"])
    assert client.get("/api/messages?to=lee@example.com").json == []


def test_mails_come_in_order_of_arrival_and_can_be_deleted(store, client):
    for number in range(3):
        store.add(_mail(f"mail {number}"), "b@example.com", ["kim@example.com"])
    assert [one["subject"] for one in client.get("/api/messages").json] == ["mail 0", "mail 1", "mail 2"]
    assert client.delete("/api/messages").status_code == 204
    assert client.get("/api/messages").json == []


def test_a_header_that_comes_twice_is_shown_twice(store, client):
    raw = _mail().replace(b"From:", b"Bcc: a@example.com\nBcc: b@example.com\nFrom:", 1)
    store.add(raw, "b@example.com", ["kim@example.com"])
    assert client.get("/api/messages").json[0]["headers"]["Bcc"] == ["a@example.com", "b@example.com"]


def test_what_was_caught_outlives_a_kill_and_a_torn_line_is_dropped(tmp_path):
    path = tmp_path / "mail.jsonl"
    with closing(MailStore(path)) as store:
        store.add(_mail("kept"), "b@example.com", ["kim@example.com"])
    with path.open("ab") as file:
        file.write(b'{"id": "torn')
    with closing(MailStore(path)) as again:
        again.add(_mail("next"), "b@example.com", ["kim@example.com"])
        assert [one["subject"] for one in again.messages()] == ["kept", "next"]
    with closing(MailStore(path)) as last:
        assert [one["subject"] for one in last.messages()] == ["kept", "next"]


def test_a_mail_is_shown_without_script_or_foreign_parts(store, client):
    store.add(_mail(html="<script>alert(1)</script><p>Hi</p>"), "b@example.com", ["kim@example.com"])
    message_id = client.get("/api/messages").json[0]["id"]
    document = client.get(f"/messages/{message_id}/html")
    assert "sandbox allow-popups" in document.headers["Content-Security-Policy"]
    assert "default-src 'none'" in document.headers["Content-Security-Policy"]


def test_links_open_outside_and_the_doctype_stays_first(store, client):
    page = "<!DOCTYPE html><html><head lang='en'><title>Hi</title></head><body><a href='/x'>x</a></body></html>"
    store.add(_mail(html=page), "b@example.com", ["kim@example.com"])
    message_id = client.get("/api/messages").json[0]["id"]
    document = client.get(f"/messages/{message_id}/html").text
    assert document.startswith("<!DOCTYPE html><html><head lang='en'><base target=\"_blank\"><title>")


@pytest.mark.parametrize("host", ["127.0.0.1:8025", "localhost:8025", "[::1]:8025", "10.1.2.3:8025", "mail:8025"])
def test_the_page_answers_to_addresses_and_to_names_of_the_same_network(client, host):
    assert client.get("/", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize("host", ["evil.example.com", "evil.example.com:8025", "127.0.0.1.example.com"])
def test_the_page_answers_to_no_name_that_a_stranger_can_own(client, host):
    assert client.get("/", headers={"Host": host}).status_code == 421


def test_the_page_and_what_it_loads_are_there(client):
    page = client.get("/")
    assert page.status_code == 200
    assert b'sandbox="allow-popups' in page.data
    assert client.get("/page.js").status_code == 200
    assert client.get("/page.css").status_code == 200


def test_an_unknown_mail_is_a_problem(client):
    answer = client.get("/messages/nothing/html")
    assert answer.status_code == 404
    assert answer.mimetype == "application/problem+json"
