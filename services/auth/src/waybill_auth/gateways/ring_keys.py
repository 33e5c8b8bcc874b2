"""Auth's own key ring as the shared verifier wants it, and the reading of tokens for introspection."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jwt
from waybill_common.tokens import InvalidTokenError, KeysUnavailableError, VerificationKey, Verifier
from waybill_common.tokens.keys import load_keys

from waybill_auth.domain.signing_keys import SigningKey
from waybill_auth.gateways.signing import RingCache


class RingKeys:
    """A source of verification keys that is the issuer's own ring: no fetch, at most seconds behind the table."""

    def __init__(self, ring: RingCache) -> None:
        self._ring = ring
        self._loaded: tuple[tuple[SigningKey, ...], Mapping[str, VerificationKey]] = ((), {})

    def find(self, kid: str) -> VerificationKey | None:
        """Return the key, None when the ring has none of that id; raises KeysUnavailableError before the first key."""
        published = self._ring.published()
        if not published:
            raise KeysUnavailableError("the ring is empty; run `auth migrate`")
        seen, keys = self._loaded
        if published is not seen:
            keys = load_keys({"keys": [key.public_jwk for key in published]})
            self._loaded = (published, keys)  # one assignment, so that no thread sees the half of it
        return keys.get(kid)


class OwnTokenReader:
    """Reads any access token of this issuer, whomever it is meant for."""

    def __init__(self, verifiers: Mapping[str, Verifier], is_ended: Callable[[str], bool]) -> None:
        self._verifiers = verifiers
        self._is_ended = is_ended

    def read(self, token: str, audiences: Sequence[str]) -> dict[str, Any] | None:
        """Return the claims of a genuine token for one of the audiences, that is neither expired nor ended."""
        if not any(self._is_good(token, audience) for audience in audiences):
            return None
        claims: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})  # verified a line above
        return None if self._is_ended(str(claims["jti"])) else claims

    def _is_good(self, token: str, audience: str) -> bool:
        verifier = self._verifiers.get(audience)
        if verifier is None:
            return False
        try:
            verifier.verify(token)
        except InvalidTokenError:
            return False
        return True
