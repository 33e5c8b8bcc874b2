"""Refresh tokens derived from session, counter and a key of the session, so that nothing about them is stored."""

import base64
import binascii
import hashlib
import hmac
from dataclasses import dataclass

_PREFIX = "wbr1_"  # lets a secret scanner name what leaked
_ID_BYTES, _COUNTER_BYTES, _MAC_BYTES = 16, 4, 32
_PURPOSE = b"waybill refresh token 1\x00"


@dataclass(frozen=True)
class PresentedRefresh:
    """What a refresh token says about itself; believed only after `is_genuine`."""

    session_id: str
    counter: int
    mac: bytes

    def is_genuine(self, key: bytes) -> bool:
        """Tell whether the token was derived with this session key; compares in constant time."""
        return hmac.compare_digest(self.mac, _mac(self.session_id, self.counter, key))


def derive_refresh_token(session_id: str, counter: int, key: bytes) -> str:
    """Return the refresh token number `counter` of the session; the same arguments give the same token."""
    body = _body(session_id, counter) + _mac(session_id, counter, key)
    return _PREFIX + base64.urlsafe_b64encode(body).decode().rstrip("=")


def read_refresh_token(text: str) -> PresentedRefresh | None:
    """Return the parts of a refresh token, None when it is not exactly of our making (one spelling only)."""
    encoded = text.removeprefix(_PREFIX)
    if encoded == text or not encoded.isascii():
        return None
    try:
        body = base64.b64decode(encoded + "=" * (-len(encoded) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return None
    if len(body) != _ID_BYTES + _COUNTER_BYTES + _MAC_BYTES:
        return None
    if base64.urlsafe_b64encode(body).decode().rstrip("=") != encoded:
        return None
    counter = int.from_bytes(body[_ID_BYTES : _ID_BYTES + _COUNTER_BYTES], "big")
    return PresentedRefresh(f"ses_{body[:_ID_BYTES].hex()}", counter, body[-_MAC_BYTES:])


def _body(session_id: str, counter: int) -> bytes:
    return bytes.fromhex(session_id.removeprefix("ses_")) + counter.to_bytes(_COUNTER_BYTES, "big")


def _mac(session_id: str, counter: int, key: bytes) -> bytes:
    return hmac.digest(key, _PURPOSE + _body(session_id, counter), hashlib.sha256)
