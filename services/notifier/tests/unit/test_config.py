"""Settings of the notifier: what is derived, and what is refused."""

import pytest
from waybill_common.settings import SettingsError, load_settings
from waybill_notifier.config import Settings
from waybill_notifier.config.smtp_url import Tls, parse_smtp_url

pytestmark = pytest.mark.unit

NEEDED = {
    "WAYBILL_NOTIFIER_DATABASE_URL": "postgresql://127.0.0.1/x",
    "WAYBILL_NOTIFIER_SECRET_KEY": "0123456789abcdef",
}


def test_domains_follow_from_the_sender():
    settings = load_settings(Settings, {**NEEDED, "WAYBILL_NOTIFIER_MAIL_FROM_ADDRESS": "hello@Shop.Example"})
    assert (settings.mail_domain, settings.bounce_domain) == ("shop.example", "bounce.shop.example")
    assert settings.web_port == 8083


def test_all_faults_are_said_at_once_and_no_secret_is_among_them():
    environ = {
        "WAYBILL_NOTIFIER_SECRET_KEY": "short",
        "WAYBILL_SMTP_URL": "smtp://user:hunter2@mail.example?tls=off",
        "WAYBILL_NOTIFIER_RETRY_PATIENT_SECONDS": "30,-1",
        "WAYBILL_NOTIFIER_MAIL_FROM_NAME": "a =?b",
    }
    with pytest.raises(SettingsError) as caught:
        load_settings(Settings, environ)
    said = str(caught.value)
    for name in ("DATABASE_URL", "SECRET_KEY", "RETRY_PATIENT_SECONDS", "MAIL_FROM_NAME"):
        assert f"WAYBILL_NOTIFIER_{name}" in said
    assert "WAYBILL_SMTP_URL" in said
    assert "hunter2" not in said


def test_schedules_are_lists_of_seconds():
    settings = load_settings(Settings, {**NEEDED, "WAYBILL_NOTIFIER_RETRY_SHORT_LIVED_SECONDS": "1, 2.5"})
    assert settings.retry_short_lived_seconds == (1, 2.5)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("smtp://mail.example", ("mail.example", 587, Tls.REQUIRED, None)),
        ("smtp://u%40x:p%2Fw@mail.example:25?tls=required", ("mail.example", 25, Tls.REQUIRED, "u@x")),
        ("smtp://mail.example:25?tls=opportunistic", ("mail.example", 25, Tls.OPPORTUNISTIC, None)),
        ("smtp://127.0.0.1:1025?tls=off", ("127.0.0.1", 1025, Tls.OFF, None)),
        ("smtp://[::1]:1025?tls=off", ("::1", 1025, Tls.OFF, None)),
        ("smtp://localhost:1025?tls=off", ("localhost", 1025, Tls.OFF, None)),
        ("smtps://mail.example", ("mail.example", 465, Tls.IMPLICIT, None)),
    ],
)
def test_smtp_urls(url, expected):
    server = parse_smtp_url(url)
    assert (server.host, server.port, server.tls, server.username) == expected
    assert "p/w" not in repr(server)


@pytest.mark.parametrize(
    "url",
    [
        "http://mail.example",
        "smtp://",
        "smtp://mail.example/path",
        "smtp://mail.example?tls=maybe",
        "smtp://mail.example?tls=off",
        "smtp://10.0.0.1:25?tls=off",
        "smtp://mail.example?ssl=on",
        "smtp://u:p@127.0.0.1:25?tls=off",
        "smtp://u:p@mail.example?tls=opportunistic",
        "smtp://ü:p@mail.example",
    ],
)
def test_smtp_urls_that_are_refused(url):
    with pytest.raises(ValueError, match=r"\w"):
        parse_smtp_url(url)
