"""The script language of the SMTP catcher, and the catcher against a plain client."""

import smtplib

import pytest
from waybill_testkit.caught_mail import CaughtMail
from waybill_testkit.smtp import SmtpCatcher
from waybill_testkit.smtp_script import OK, Script, ScriptError, Step, parse_script, reply

EVER = float("inf")


@pytest.mark.unit
@pytest.mark.parametrize(
    ("text", "steps"),
    [
        ("451x2+ok", [("rcpt", reply("451 scripted"), 2), ("rcpt", OK, EVER)]),
        ("slow5", [("rcpt", Step("slow", seconds=5), EVER)]),
        ("dot-cutx1", [("dot", Step("cut"), 1)]),
        ("550.5.1.1", [("rcpt", reply("550 5.1.1 scripted"), EVER)]),
        ("451+data-hang+ok", [("rcpt", reply("451 scripted"), 1), ("data", Step("hang"), EVER), ("rcpt", OK, EVER)]),
    ],
)
def test_scripts_are_read(text, steps):
    assert parse_script(text) == steps


@pytest.mark.unit
@pytest.mark.parametrize("text", ["ann", "", "451+", "999", "nowhere-451", "451x", "451.9.1.1"])
def test_what_is_no_script_is_said(text):
    with pytest.raises(ScriptError):
        parse_script(text)


@pytest.mark.unit
def test_steps_are_handed_out_as_often_as_they_say():
    script = Script()
    script.plan(parse_script("451x2+550+ok"))
    codes = [script.next("rcpt").line[:3] or script.next("rcpt").verb for _ in range(5)]
    assert codes == ["451", "451", "550", "ok", "ok"]
    assert script.next("data") is OK


@pytest.mark.unit
def test_a_caught_mail_shows_what_a_person_would_see():
    raw = (
        b"Subject: =?utf-8?q?caf=C3=A9?=\r\nMessage-ID: <1@x>\r\nMIME-Version: 1.0\r\n"
        b'Content-Type: multipart/alternative; boundary="b"\r\n\r\n'
        b"--b\r\nContent-Type: text/plain\r\n\r\nplain\r\n"
        b"--b\r\nContent-Type: text/html\r\n\r\n<p>html</p>\r\n--b--\r\n"
    )
    mail = CaughtMail("a@x", ("b@x",), raw)
    assert (mail.subject, mail.message_id, mail.text.strip(), mail.html.strip()) == (
        "café",
        "<1@x>",
        "plain",
        "<p>html</p>",
    )


@pytest.mark.integration
def test_the_catcher_plays_its_script_to_any_client():
    with SmtpCatcher() as catcher, smtplib.SMTP("127.0.0.1", catcher.port, timeout=5) as client:
        for expected in (451, 451, None):
            if expected is None:
                client.sendmail("a@x.test", ["451x2+ok@x.test"], b"Subject: hi\r\n\r\nhello\r\n")
            else:
                with pytest.raises(smtplib.SMTPRecipientsRefused) as refused:
                    client.sendmail("a@x.test", ["451x2+ok@x.test"], b"hi")
                assert refused.value.recipients["451x2+ok@x.test"][0] == expected
        assert [mail.subject for mail in catcher.mails_to("451x2+ok@x.test")] == ["hi"]
        catcher.plan("data", "554x1")
        with pytest.raises(smtplib.SMTPDataError):
            client.sendmail("a@x.test", ["ann@x.test"], b"hi")
