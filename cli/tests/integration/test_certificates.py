"""The examination of certificates against real TLS servers: trusted and for how long, or not at all."""

import socket
import ssl
import threading

import pytest
from waybill_cli.application import Application
from waybill_cli.config import Target
from waybill_cli.facts.doctor import certificates
from waybill_cli.output import Output
from waybill_testkit.certificates import self_signed

pytestmark = pytest.mark.integration


@pytest.fixture
def examine(tmp_path, monkeypatch):
    """`examine(days=90)` runs a TLS server with such a certificate and returns what is said of it."""

    def run(*, days, is_trusted=True):
        pem, private = self_signed(tmp_path, days)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pem, private)
        if is_trusted:
            monkeypatch.setenv("SSL_CERT_FILE", str(pem))
        with socket.create_server(("127.0.0.1", 0)) as server:

            def serve():
                line, _ = server.accept()
                try:
                    context.wrap_socket(line, server_side=True).close()
                except OSError:  # the client went away, as it should when it does not trust us
                    line.close()

            thread = threading.Thread(target=serve)
            thread.start()
            target = Target("test", {"orders": f"https://127.0.0.1:{server.getsockname()[1]}"})
            (check,) = certificates(Application(lambda: target, Output()))
            thread.join()
        return check

    return run


def test_a_trusted_certificate_says_how_long_it_is_good(examine):
    check = examine(days=90)
    assert (check.verdict, "89 days" in check.detail) == ("ok", True)


def test_one_that_ends_soon_fails(examine):
    assert examine(days=5).verdict == "failed"


def test_one_that_nobody_trusts_fails(examine):
    check = examine(days=90, is_trusted=False)
    assert (check.verdict, "self" in check.detail) == ("failed", True)
