"""The table of what an SMTP answer means (messaging.md §11.4), row by row."""

import pytest
from waybill_notifier.domain.smtp_replies import FailureClass as F
from waybill_notifier.domain.smtp_replies import Stage, classify, parse_reply, wait_hint_seconds

pytestmark = pytest.mark.unit
S = Stage

ROWS = [
    # connect, DNS, TLS handshake, before DATA
    (S.CONNECT, None, F.PROVIDER_TRANSIENT),
    (S.CONNECT, "421 4.3.2 Shutting down", F.PROVIDER_TRANSIENT),
    (S.CONNECT, "454 4.7.0 TLS not available", F.PROVIDER_TRANSIENT),
    (S.AUTH, "454 4.7.0 Temporary authentication failure", F.PROVIDER_TRANSIENT),
    (S.AUTH, None, F.PROVIDER_TRANSIENT),
    (S.MAIL, None, F.PROVIDER_TRANSIENT),
    (S.MAIL, "421 Bye", F.PROVIDER_TRANSIENT),
    (S.MAIL, "451 4.3.0 Try later", F.PROVIDER_TRANSIENT),
    (S.RCPT, None, F.PROVIDER_TRANSIENT),
    (S.RCPT, "421 Bye", F.PROVIDER_TRANSIENT),
    (S.DATA, None, F.PROVIDER_TRANSIENT),
    # AUTH
    (S.AUTH, "535 5.7.8 Bad credentials", F.CONFIGURATION),
    (S.AUTH, "530 5.7.0 Authentication required", F.CONFIGURATION),
    (S.AUTH, "534 5.7.9 Mechanism too weak", F.CONFIGURATION),
    (S.MAIL, "530 5.7.0 Authentication required", F.CONFIGURATION),
    (S.RCPT, "530 5.7.1 Authentication required", F.CONFIGURATION),
    (S.RCPT, "550 5.7.8 Credentials", F.CONFIGURATION),
    # MAIL FROM
    (S.MAIL, "550 5.1.8 Bad sender", F.CONFIGURATION),
    (S.MAIL, "550 5.7.1 Sender refused", F.CONFIGURATION),
    (S.MAIL, "501 5.1.7 Bad sender syntax", F.CONFIGURATION),
    (S.MAIL, "553 Sender not allowed", F.CONFIGURATION),
    (S.CONNECT, "554 5.7.1 Go away", F.CONFIGURATION),
    # RCPT
    (S.RCPT, "450 4.2.0 Greylisted", F.TRANSIENT),
    (S.RCPT, "451 Local error", F.TRANSIENT),
    (S.RCPT, "452 4.2.2 Mailbox full", F.TRANSIENT),
    (S.RCPT, "450 4.7.1 Greylisted", F.TRANSIENT),
    (S.RCPT, "450 4.7.28 Rate", F.PROVIDER_RATE),
    (S.RCPT, "421 4.7.0 Too many", F.PROVIDER_RATE),
    *[
        (S.RCPT, f"{code} {enhanced} No", F.ADDRESS)
        for code in (550, 551, 553)
        for enhanced in ("5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.1.10", "5.2.1")
    ],
    (S.RCPT, "501 5.1.3 Bad syntax", F.ADDRESS),
    (S.RCPT, "521 No mail here", F.ADDRESS),
    (S.RCPT, "556 No mail here", F.ADDRESS),
    (S.RCPT, "552 Full", F.MAILBOX_FULL),
    (S.RCPT, "552 5.2.2 Full", F.MAILBOX_FULL),
    (S.RCPT, "550 5.2.2 Full", F.MAILBOX_FULL),
    (S.RCPT, "550 5.7.1 Policy", F.POLICY),
    (S.RCPT, "550 No", F.POLICY),
    (S.RCPT, "554 5.7.1 Relay denied", F.POLICY),
    (S.RCPT, "550 5.1.1x is no enhanced code", F.POLICY),
    # DATA
    (S.DATA, "552 5.3.4 Too big", F.MESSAGE),
    (S.FINAL, "552 Too big", F.MESSAGE),
    (S.MAIL, "552 5.3.4 Too big by SIZE", F.MESSAGE),
    (S.FINAL, "554 5.6.0 Content", F.MESSAGE),
    (S.FINAL, "554 5.7.1 Spam", F.MESSAGE),
    (S.FINAL, "550 5.1.1 Late, so no suppression", F.MESSAGE),
    (S.DATA, "451 Later", F.TRANSIENT),
    (S.FINAL, "452 Later", F.TRANSIENT),
    (S.FINAL, "421 Bye", F.TRANSIENT),
    # after the final dot
    (S.FINAL, None, F.AMBIGUOUS),
    (S.FINAL, "354 What?", F.AMBIGUOUS),
    # any
    *[(stage, f"{code} What?", F.PROTOCOL) for stage in S for code in range(500, 505)],
    (S.DATA, "250 Fine?", F.PROTOCOL),
]


@pytest.mark.parametrize(("stage", "line", "means"), ROWS, ids=str)
def test_each_row_of_the_table(stage, line, means):
    reply = None if line is None else parse_reply(int(line[:3]), line[4:])
    assert classify(stage, reply) is means


def test_the_text_never_makes_a_failure_permanent():
    reply = parse_reply(451, b"4.3.0 user unknown, mailbox unavailable, 550 5.1.1")
    assert classify(S.RCPT, reply) is F.TRANSIENT


def test_an_enhanced_code_of_another_class_is_not_believed():
    assert parse_reply(450, "5.1.1 Odd").enhanced is None


@pytest.mark.parametrize(
    ("line", "seconds"),
    [
        ("450 4.7.1 Greylisted", 300),
        ("450 4.7.1 Greylisted, try again in 90 seconds", 90),
        ("451 4.3.0 come back in 5 minutes", 300),
        ("450 4.7.1 wait 10 min", 600),
        ("450 4.7.1 wait 9999 minutes", 3600),
        ("450 4.2.0 Later", None),
        ("550 5.1.1 gone for 10 seconds", None),
    ],
)
def test_the_wait_that_a_server_asks_for(line, seconds):
    assert wait_hint_seconds(parse_reply(int(line[:3]), line[4:])) == seconds
