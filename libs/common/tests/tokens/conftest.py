"""An issuer that signs whatever it is told to, so that every wrong token can be made by hand."""

import base64
import json
import time
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from jwt.algorithms import ECAlgorithm, RSAAlgorithm
from waybill_common.tokens import StaticKeys, Verifier, VerifierSettings

ISSUER = "https://auth.example"
NOW = 1_800_000_000


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
