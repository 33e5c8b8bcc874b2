"""Which keys of a JWK set may verify our tokens: the rules that drop the others when a set is loaded."""

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from jwt.algorithms import ECAlgorithm, RSAAlgorithm
from jwt.exceptions import InvalidKeyError

from waybill_common.tokens.weak_keys import is_roca_modulus

KID = re.compile(r"[A-Za-z0-9_-]{1,64}")
# One algorithm per key type. No HMAC: whoever verifies could then sign.
_KEY_TYPES = {"ES256": "EC", "RS256": "RSA"}
_PRIVATE_MEMBERS = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})
_MIN_RSA_BITS = 2048
_MAX_RSA_BITS = 8192  # a check with a larger one costs milliseconds, and the set comes over the network
_MAX_KEYS = 32

PublicKey = EllipticCurvePublicKey | RSAPublicKey


@dataclass(frozen=True, slots=True)
class VerificationKey:
    """A public key with the one algorithm it may be used with."""

    kid: str
    algorithm: str
    public_key: PublicKey


class KeySource(Protocol):
    """Where the verifier finds the issuer's keys."""

    def find(self, kid: str) -> VerificationKey | None:
        """Return the key, None when the issuer has none of that id; raises KeysUnavailableError before any set."""


def load_keys(jwks: object) -> dict[str, VerificationKey]:
    """Return the usable keys of a parsed JWK set (RFC 7517, section 5) by kid; empty when there is none.

    Dropped: keys without a proper `kid`, two keys of one `kid`, another algorithm than ES256 and RS256 or one that
    does not fit the key, `use` other than `sig`, `key_ops` without `verify`, RSA outside of 2048 to 8192 bits, weak
    exponents and ROCA moduli, points off the curve, and anything private.
    """
    entries = jwks.get("keys") if isinstance(jwks, Mapping) else None
    if not isinstance(entries, list) or len(entries) > _MAX_KEYS:
        return {}
    named = [entry for entry in entries if isinstance(entry, dict) and isinstance(entry.get("kid"), str)]
    times = Counter(entry["kid"] for entry in named)
    keys = (_load_key(entry) for entry in named if times[entry["kid"]] == 1)
    return {key.kid: key for key in keys if key is not None}


def _load_key(jwk: dict[str, Any]) -> VerificationKey | None:
    algorithm = jwk.get("alg")
    if not KID.fullmatch(jwk["kid"]) or not isinstance(algorithm, str) or _PRIVATE_MEMBERS & jwk.keys():
        return None
    if _KEY_TYPES.get(algorithm) != jwk.get("kty") or not _is_for_verifying(jwk):
        return None
    try:
        public_key = RSAAlgorithm.from_jwk(jwk) if algorithm == "RS256" else ECAlgorithm.from_jwk(jwk)
    except (InvalidKeyError, ValueError, TypeError, KeyError):
        return None
    if not isinstance(public_key, RSAPublicKey | EllipticCurvePublicKey) or not _is_strong(public_key):
        return None
    return VerificationKey(jwk["kid"], algorithm, public_key)


def _is_for_verifying(jwk: dict[str, Any]) -> bool:
    if jwk.get("use", "sig") != "sig":
        return False
    operations = jwk.get("key_ops", ["verify"])
    return isinstance(operations, list) and "verify" in operations


def _is_strong(key: PublicKey) -> bool:
    if isinstance(key, EllipticCurvePublicKey):
        return key.curve.name == "secp256r1"
    numbers = key.public_numbers()
    return _MIN_RSA_BITS <= key.key_size <= _MAX_RSA_BITS and numbers.e >= 65_537 and not is_roca_modulus(numbers.n)
