"""The examination of certificates against real TLS servers: trusted and for how long, or not at all."""

import socket
import ssl
import threading
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from waybill_cli.application import Application
from waybill_cli.config import Target
from waybill_cli.facts.doctor import certificates
from waybill_cli.output import Output

pytestmark = pytest.mark.integration


def certificate(folder, days):
    """A self-signed certificate for 127.0.0.1 that is good for so many days, as files."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "orders.test")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem, private = folder / "certificate.pem", folder / "key.pem"
    pem.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return pem, private


@pytest.fixture
def examine(tmp_path, monkeypatch):
    """`examine(days=90)` runs a TLS server with such a certificate and returns what is said of it."""

    def run(*, days, is_trusted=True):
        pem, private = certificate(tmp_path, days)
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
