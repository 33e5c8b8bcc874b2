"""The one function that judges access tokens, in every service: form, header, key, signature, claims, revocation."""

import hashlib
import threading
import time
from dataclasses import dataclass
from typing import Any, Protocol

import jwt

from waybill_common.tokens.caller import Caller
from waybill_common.tokens.claims import REQUIRED_CLAIMS, caller_of, check_lifetime
from waybill_common.tokens.compact import MAX_TOKEN_LENGTH, read_compact, read_object
from waybill_common.tokens.errors import InvalidTokenError
from waybill_common.tokens.keys import KID, KeySource, VerificationKey

LEEWAY_SECONDS = 5
_HEADER_MEMBERS = frozenset({"alg", "typ", "kid"})
_TYPES = frozenset({"at+jwt", "application/at+jwt"})  # RFC 9068, section 4
_MAX_CACHED = 4096


class Revocations(Protocol):
    """What was ended before its time."""

    def is_revoked(self, session_id: str | None, subject: str, issued_at: int) -> bool:
        """Tell whether a token of this session and subject, issued at this second, is no longer good."""


@dataclass(frozen=True)
class VerifierSettings:
    """Whose tokens are accepted and for whom: `issuer` as in `iss`, exactly; `audience` the service's bare name."""

    issuer: str
    audience: str


@dataclass(frozen=True, slots=True)
class _Verified:
    caller: Caller
    kid: str
    expires_at: int


class Verifier:
    """Judges access tokens (RFC 9068) without asking the issuer; thread-safe.

    A verified token is remembered by its SHA-256 until it expires: an ES256 check costs 0.25 ms, a third of a small
    request. Its key must still be in the set, and revocation is looked up every time.
    """

    def __init__(self, settings: VerifierSettings, keys: KeySource, revocations: Revocations | None = None) -> None:
        self._settings = settings
        self._keys = keys
        self._revocations = revocations
        self._cache: dict[bytes, _Verified] = {}
        self._cache_lock = threading.Lock()

    def verify(self, token: str) -> Caller:
        """Return who holds this token.

        Raises InvalidTokenError for every fault of the token, whatever it is, and KeysUnavailableError while no key
        set has been loaded.
        """
        if len(token) > MAX_TOKEN_LENGTH or not token.isascii():
            raise InvalidTokenError("too_long" if token.isascii() else "not_ascii")
        digest = hashlib.sha256(token.encode("ascii")).digest()
        verified = self._cache.get(digest)
        if verified is None or verified.expires_at <= time.time() or self._keys.find(verified.kid) is None:
            verified = self._judge(token)
            self._remember(digest, verified)
        caller = verified.caller
        if self._revocations is not None and self._revocations.is_revoked(
            caller.session_id, caller.subject, caller.issued_at
        ):
            raise InvalidTokenError("revoked")
        return caller

    def _judge(self, token: str) -> _Verified:
        compact = read_compact(token)
        key = self._key_for(compact.header)
        # Before PyJWT, so that it never meets a payload that two readers could read in two ways.
        payload = read_object(compact.payload)
        check_lifetime(payload)
        self._check_signature_and_claims(token, key)
        return _Verified(caller_of(payload), key.kid, payload["exp"])

    def _key_for(self, header: dict[str, Any]) -> VerificationKey:
        # Three members and no other: jku, x5u, jwk, x5c, crit, b64 and zip are refused unread.
        if header.keys() != _HEADER_MEMBERS:
            raise InvalidTokenError("header_members")
        kind, kid = header["typ"], header["kid"]
        if not isinstance(kind, str) or kind.lower() not in _TYPES:
            raise InvalidTokenError("not_an_access_token")
        if not isinstance(kid, str) or not KID.fullmatch(kid):
            raise InvalidTokenError("bad_kid")
        key = self._keys.find(kid)
        if key is None:
            raise InvalidTokenError("unknown_kid")
        if header["alg"] != key.algorithm:
            raise InvalidTokenError("algorithm")
        return key

    def _check_signature_and_claims(self, token: str, key: VerificationKey) -> None:
        try:
            jwt.decode(
                token,
                key.public_key,
                algorithms=[key.algorithm],
                issuer=self._settings.issuer,
                audience=self._settings.audience,
                leeway=LEEWAY_SECONDS,
                options={
                    "require": list(REQUIRED_CLAIMS),
                    "strict_aud": False,
                    "enforce_minimum_key_length": True,
                },
            )
        except jwt.PyJWTError as error:
            raise InvalidTokenError(type(error).__name__) from error

    def _remember(self, digest: bytes, verified: _Verified) -> None:
        with self._cache_lock:
            if len(self._cache) >= _MAX_CACHED:
                self._make_room()
            self._cache[digest] = verified

    def _make_room(self) -> None:
        """Drop what has expired, or the older half: one pass per thousands of tokens, and no order to keep."""
        now = time.time()
        alive = {digest: entry for digest, entry in self._cache.items() if entry.expires_at > now}
        if len(alive) > _MAX_CACHED // 2:
            alive = dict(list(alive.items())[-_MAX_CACHED // 2 :])
        self._cache = alive
