"""TLS modes and sign-in of the SMTP session (messaging.md §11.3): a password never crosses an open line."""

import ssl

import pytest
from waybill_notifier.config.smtp_url import parse_smtp_url
from waybill_notifier.domain.letter import SendError
from waybill_notifier.domain.smtp_replies import FailureClass, Stage
from waybill_notifier.gateways.smtp_wire import SmtpTimeouts, SmtpWire
from waybill_testkit.certificates import self_signed
from waybill_testkit.smtp import SmtpCatcher

pytestmark = pytest.mark.integration

TIMEOUTS = SmtpTimeouts(connect=2, command=2, data=2, final=2)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A self-signed certificate for 127.0.0.1, as files."""
    return self_signed(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def tls(certificate):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    return context


def opened(url, ca_file=None):
    wire = SmtpWire(parse_smtp_url(url, ca_file), TIMEOUTS, "shop.example.test")
    wire.open()
    return wire


def refused(url, ca_file=None):
    with pytest.raises(SendError) as caught:
        opened(url, ca_file)
    return caught.value.stage, caught.value.failure


def is_encrypted(wire):
    encrypted = isinstance(wire.sock, ssl.SSLSocket)
    wire.hang_up()
    return encrypted


def test_required_encrypts_and_verifies(tls, certificate):
    with SmtpCatcher(tls=tls) as catcher:
        assert is_encrypted(opened(catcher.url, certificate[0]))
        assert refused(catcher.url) == (Stage.CONNECT, FailureClass.PROVIDER_TRANSIENT)


def test_required_is_a_fault_of_configuration_where_no_starttls_is_offered(catcher):
    assert refused(f"smtp://127.0.0.1:{catcher.port}?tls=required") == (Stage.CONNECT, FailureClass.CONFIGURATION)
    assert "MAIL" not in catcher.commands


def test_opportunistic_takes_what_is_there(tls, catcher):
    assert not is_encrypted(opened(f"smtp://127.0.0.1:{catcher.port}?tls=opportunistic"))
    with SmtpCatcher(tls=tls) as encrypting:
        assert is_encrypted(opened(f"smtp://127.0.0.1:{encrypting.port}?tls=opportunistic"))


def test_implicit_tls(tls, certificate):
    with SmtpCatcher(tls=tls, implicit_tls=True) as catcher:
        assert is_encrypted(opened(catcher.url, certificate[0]))


def test_a_refused_starttls_is_the_providers(tls, certificate):
    with SmtpCatcher(tls=tls) as catcher:
        catcher.plan("starttls", "454.4.7.0x1")
        assert refused(catcher.url, certificate[0]) == (Stage.CONNECT, FailureClass.PROVIDER_TRANSIENT)


def test_sign_in_after_encryption(tls, certificate):
    with SmtpCatcher(tls=tls, users={"shop": "s3cret/x"}) as catcher:
        url = f"smtp://shop:s3cret%2Fx@127.0.0.1:{catcher.port}"
        assert is_encrypted(opened(url, certificate[0]))
        assert catcher.commands.index("STARTTLS") < catcher.commands.index("AUTH")


@pytest.mark.parametrize(
    ("plan", "failure"),
    [
        (None, FailureClass.CONFIGURATION),
        ("535.5.7.8", FailureClass.CONFIGURATION),
        ("454.4.7.0", FailureClass.PROVIDER_TRANSIENT),
        ("cut", FailureClass.PROVIDER_TRANSIENT),
    ],
)
def test_a_refused_sign_in(tls, certificate, plan, failure):
    with SmtpCatcher(tls=tls, users={"shop": "right"}) as catcher:
        if plan:
            catcher.plan("auth", plan)
        assert refused(f"smtp://shop:wrong@127.0.0.1:{catcher.port}", certificate[0]) == (Stage.AUTH, failure)


def test_a_server_without_auth_is_a_fault_of_configuration(tls, certificate):
    with SmtpCatcher(tls=tls) as catcher:
        url = f"smtp://shop:pw@127.0.0.1:{catcher.port}"
        assert refused(url, certificate[0]) == (Stage.AUTH, FailureClass.CONFIGURATION)
