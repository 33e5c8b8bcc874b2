"""Key pairs for ES256 and RS256, and the signer of access tokens."""

import base64
import hashlib
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import jwt
import orjson
import sqlalchemy.exc
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
)
from jwt.algorithms import ECAlgorithm, RSAAlgorithm
from waybill_common.telemetry import get_logger

from waybill_auth.domain.errors import NoSigningKeyError
from waybill_auth.domain.signing_keys import PUBLISHED, KeyState, SigningKey
from waybill_auth.gateways.secret_ring import Sealer, SecretRing

_log = get_logger(__name__)
_RSA_BITS = 2048
_THUMBPRINT_MEMBERS = {"EC": ("crv", "kty", "x", "y"), "RSA": ("e", "kty", "n")}

PrivateKey = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


class KeyForge:
    """Makes key pairs; the private half leaves it only encrypted, bound to its kid."""

    def __init__(self, ring: SecretRing) -> None:
        self._sealer = Sealer(ring)

    def make(self, alg: str, state: KeyState, now: datetime, activate_at: datetime) -> SigningKey:
        """Return a fresh key pair for ES256 or RS256."""
        private = _generate(alg)
        jwk = _public_jwk(private)
        kid = thumbprint(jwk)
        pkcs8 = private.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
        public = jwk | {"kid": kid, "use": "sig", "alg": alg}
        return SigningKey(kid, alg, state, public, self._sealer.seal(pkcs8, kid), now, activate_at)

    def open(self, key: SigningKey) -> PrivateKey:
        """Decrypt the private half; raises UnsealError."""
        loaded = load_der_private_key(self._sealer.open(key.sealed_private, key.kid), password=None)
        assert isinstance(loaded, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey)
        return loaded


@dataclass(frozen=True)
class _Seen:
    """The ring at one moment: the published keys, and the private half of the one that signs."""

    published: tuple[SigningKey, ...] = ()
    active_kid: str | None = None
    private: PrivateKey | None = None


class RingCache:
    """The key ring as this process last saw it, read again after a few seconds.

    The time is short against the ten minutes between a key's publication and its first use, so no process signs or
    verifies with a ring that others do not know. One thread reads while the others go on with what they have, and when
    the database is away the ring stays as it was: tokens are still verified and the key set is still served.
    """

    def __init__(
        self, read_keys: Callable[[], Sequence[SigningKey]], forge: KeyForge, alg: str, refresh_seconds: float = 3.0
    ) -> None:
        self._read_keys = read_keys
        self._forge = forge
        self._alg = alg
        self._refresh_seconds = refresh_seconds
        self._reading = threading.Lock()
        self._read_at = float("-inf")
        self._seen = _Seen()

    def published(self) -> tuple[SigningKey, ...]:
        """Return the keys that others may verify with, oldest first."""
        return self._current().published

    def jwks(self) -> dict[str, Any]:
        """Return the key set (RFC 7517 section 5), public members only."""
        return {"keys": [key.public_jwk for key in self.published()]}

    def active(self) -> tuple[str, str, PrivateKey]:
        """Return kid, algorithm and private half of the key that signs; raises NoSigningKeyError."""
        seen = self._current()
        if seen.active_kid is None or seen.private is None:
            raise NoSigningKeyError("the ring has no active key; run `auth migrate`")
        return seen.active_kid, self._alg, seen.private

    def _current(self) -> _Seen:
        has_ring = bool(self._seen.published)
        if self._is_stale() and self._reading.acquire(blocking=not has_ring):
            try:
                if self._is_stale():
                    self._read()
            except sqlalchemy.exc.SQLAlchemyError as error:
                if not has_ring:
                    raise
                _log.warning("ring_not_read", error=str(error).splitlines()[0])
                self._read_at = time.monotonic()
            finally:
                self._reading.release()
        return self._seen

    def _is_stale(self) -> bool:
        # An empty ring is looked at again at once: `auth migrate` may be running right now.
        return not self._seen.published or time.monotonic() - self._read_at >= self._refresh_seconds

    def _read(self) -> None:
        keys = tuple(key for key in self._read_keys() if key.state in PUBLISHED)
        active = next((key for key in keys if key.state is KeyState.ACTIVE and key.alg == self._alg), None)
        if active is None:
            self._seen = _Seen(keys)
        elif active.kid == self._seen.active_kid:
            self._seen = _Seen(keys, active.kid, self._seen.private)
        else:
            self._seen = _Seen(keys, active.kid, self._forge.open(active))
        self._read_at = time.monotonic()


class JwtSigner:
    """Signs access tokens (RFC 9068) with the ring's active key."""

    def __init__(self, ring: RingCache, issuer: str) -> None:
        self._ring = ring
        self._issuer = issuer

    def sign(self, claims: dict[str, Any]) -> str:
        """Return the compact JWS; its header is exactly alg, typ and kid. Raises NoSigningKeyError."""
        kid, alg, private = self._ring.active()
        return jwt.encode({"iss": self._issuer, **claims}, private, alg, headers={"typ": "at+jwt", "kid": kid})


def thumbprint(jwk: dict[str, str]) -> str:
    """Return the RFC 7638 thumbprint of a public JWK, base64url without padding."""
    members = {name: jwk[name] for name in _THUMBPRINT_MEMBERS[jwk["kty"]]}
    digest = hashlib.sha256(orjson.dumps(members, option=orjson.OPT_SORT_KEYS)).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def _generate(alg: str) -> PrivateKey:
    if alg == "ES256":
        return ec.generate_private_key(ec.SECP256R1())
    if alg == "RS256":
        return rsa.generate_private_key(65_537, _RSA_BITS)
    raise ValueError(f"cannot make a key for {alg!r}; choose ES256 or RS256")


def _public_jwk(private: PrivateKey) -> dict[str, str]:
    public = private.public_key()
    exported = (
        RSAAlgorithm.to_jwk(public, as_dict=True)
        if isinstance(public, rsa.RSAPublicKey)
        else ECAlgorithm.to_jwk(public, as_dict=True)
    )
    return {name: str(exported[name]) for name in _THUMBPRINT_MEMBERS[str(exported["kty"])]}
