"""Test doubles of the library's tests: a peer that misbehaves as told, and an issuer that signs whatever it is told."""

import base64
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from jwt.algorithms import ECAlgorithm, RSAAlgorithm
from waybill_common.sessions import Connector, ConnectorOptions
from waybill_common.tokens import StaticKeys, Verifier, VerifierSettings

ISSUER = "https://auth.example"
NOW = 1_800_000_000
Behaviour = Callable[["Conversation"], None]


@dataclass
class Conversation:
    """One request as it came in, and the socket to misbehave on."""

    sock: socket.socket
    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    released: threading.Event

    def send(self, raw: bytes) -> None:
        self.sock.sendall(raw)

    def answer(self, status: int, body: bytes = b"{}", **headers: str) -> None:
        lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(body)}"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        self.send("\r\n".join(lines).encode() + b"\r\n\r\n" + body)

    def hang(self) -> None:
        """Say nothing until the test is over, then go."""
        self.released.wait(30)
        self.drop()

    def drop(self) -> None:
        """Cut the connection without a word, so that the client sees a reset or an end of file."""
        self.sock.shutdown(socket.SHUT_RDWR)


def ok(talk: Conversation) -> None:
    talk.answer(200)


def status(code: int, **headers: str) -> Behaviour:
    return lambda talk: talk.answer(code, **headers)


@dataclass
class Peer:
    """A local HTTP server; `script` is used up one behaviour a request, then `default` answers."""

    default: Behaviour = ok
    script: list[Behaviour] = field(default_factory=list)
    requests: list[Conversation] = field(default_factory=list)
    connections: int = 0

    def __post_init__(self) -> None:
        self._lock = threading.Lock()
        self._released = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    @property
    def paths(self) -> list[str]:
        return [request.path for request in self.requests]

    def release(self) -> None:
        """Let every hanging request end."""
        self._released.set()

    def stop(self) -> None:
        self.release()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join(10)

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            thread = threading.Thread(target=self._serve, args=[sock], daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, sock: socket.socket) -> None:
        sock.settimeout(20)
        with sock, sock.makefile("rb") as reader:
            try:
                while (line := reader.readline()) and not self._released.is_set():
                    self._handle(sock, reader, line)
            except OSError:
                return  # the client went away, as some tests make it

    def _handle(self, sock, reader, line: bytes) -> None:
        method, path, _ = line.decode().split(" ", 2)
        headers = {}
        while (header := reader.readline().strip()) != b"":
            name, _, value = header.decode().partition(":")
            headers[name.strip().lower()] = value.strip()
        body = reader.read(int(headers.get("content-length", 0)))
        talk = Conversation(sock, method, path, headers, body, self._released)
        with self._lock:
            self.requests.append(talk)
            behaviour = self.script.pop(0) if self.script else self.default
        behaviour(talk)


@pytest.fixture
def peer() -> Iterator[Peer]:
    server = Peer()
    yield server
    server.stop()


@pytest.fixture
def connect(peer: Peer) -> Iterator[Callable[..., Connector]]:
    """Make a connector to the peer that does not sleep between tries, with these options; its pauses are kept."""
    made: list[Connector] = []

    def make(tokens=None, metrics=None, url: str | None = None, **options) -> Connector:
        defaults = {"backoff_seconds": 0.0}
        connector = Connector("peer", url or peer.url, ConnectorOptions(**(defaults | options)), tokens, metrics)
        connector.pauses = []
        connector._sleep = connector.pauses.append
        made.append(connector)
        return connector

    yield make
    for connector in made:
        connector.close()


def b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


class Issuer:
    """Two live keys of its own, `ec` and `rsa`; every part of a token can be replaced, down to the bytes."""

    def __init__(self, prefix: str = "") -> None:
        self.ec = ec.generate_private_key(ec.SECP256R1())
        self.rsa = rsa.generate_private_key(65_537, 2048)
        self.ec_kid, self.rsa_kid = f"{prefix}ec", f"{prefix}rsa"

    def jwks(self) -> dict[str, Any]:
        ec_key = ECAlgorithm.to_jwk(self.ec.public_key(), as_dict=True)
        rsa_key = RSAAlgorithm.to_jwk(self.rsa.public_key(), as_dict=True)
        rsa_key.pop("key_ops", None)
        return {
            "keys": [
                {**ec_key, "kid": self.ec_kid, "alg": "ES256", "use": "sig"},
                {**rsa_key, "kid": self.rsa_kid, "alg": "RS256", "use": "sig"},
            ]
        }

    def claims(self, **changes: Any) -> dict[str, Any]:
        """Good claims of a person's token with changes; a value of `...` takes the claim away."""
        claims = {
            "iss": ISSUER,
            "aud": ["auth", "orders", "notifier"],
            "sub": "usr_01",
            "client_id": "web",
            "iat": NOW,
            "exp": NOW + 600,
            "jti": "j-1",
            "sid": "ses_01",
            "scope": "orders:ship orders:refund",
            "roles": ["staff"],
            "amr": ["pwd"],
            "auth_time": NOW,
        }
        return {name: value for name, value in (claims | changes).items() if value is not ...}

    def header(self, **changes: Any) -> dict[str, Any]:
        header = {"alg": "ES256", "typ": "at+jwt", "kid": self.ec_kid}
        return {name: value for name, value in (header | changes).items() if value is not ...}

    def token(self, header: Any = None, payload: Any = None) -> str:
        """Sign with the key that the header's alg asks for; bytes are signed as they are."""
        header = self.header() if header is None else header
        raw_header = header if isinstance(header, bytes) else json.dumps(header).encode()
        payload = self.claims() if payload is None else payload
        raw_payload = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
        signing_input = f"{b64(raw_header)}.{b64(raw_payload)}"
        by_rsa = isinstance(header, dict) and header.get("alg") == "RS256"
        signature = self.sign_rsa(signing_input) if by_rsa else self.sign_ec(signing_input)
        return f"{signing_input}.{b64(signature)}"

    def sign_ec(self, text: str) -> bytes:
        r, s = decode_dss_signature(self.ec.sign(text.encode(), ec.ECDSA(hashes.SHA256())))
        return r.to_bytes(32) + s.to_bytes(32)

    def sign_rsa(self, text: str) -> bytes:
        return self.rsa.sign(text.encode(), padding.PKCS1v15(), hashes.SHA256())


@pytest.fixture(scope="session")
def issuer() -> Issuer:
    return Issuer()


@pytest.fixture(scope="session")
def other_issuer() -> Issuer:
    return Issuer()


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch):
    """Freeze the clock of PyJWT and of the verifier's cache; call it to move on."""
    import jwt.api_jwt

    class Frozen(jwt.api_jwt.datetime):
        moment = NOW

        @classmethod
        def now(cls, tz=None):
            return cls.fromtimestamp(cls.moment, tz)

    def move(seconds: int) -> None:
        Frozen.moment += seconds

    monkeypatch.setattr(jwt.api_jwt, "datetime", Frozen)
    monkeypatch.setattr(time, "time", lambda: float(Frozen.moment))
    return move


@pytest.fixture
def verifier(issuer: Issuer, now) -> Verifier:
    return Verifier(VerifierSettings(ISSUER, "orders"), StaticKeys(issuer.jwks()))


@pytest.fixture(name="b64")
def _b64():
    return b64
