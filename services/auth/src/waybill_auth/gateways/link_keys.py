"""MACs with the mounted link keys: tokens of mail links, what is remembered of addresses, buckets of the throttle."""

import base64
import hashlib
import hmac
import re

from waybill_auth.domain.mail_requests import MailRequest
from waybill_auth.gateways.secret_ring import SecretRing

_TOKEN = re.compile(r"^(mrq_[0-9a-f]{32})\.([A-Za-z0-9_-]{43})$")


class MacLinkKeys:
    """A token is `<mail request id>.<base64url MAC>`, so each attempt of one delivery carries the same link."""

    def __init__(self, ring: SecretRing) -> None:
        self._tokens = ring.derived("waybill mail link 1")
        self._addresses = ring.derived("waybill mail address 1")
        self._buckets = ring.derived("waybill throttle 1")

    @property
    def current_version(self) -> str:
        """The key that new requests use."""
        return self._tokens.current_id

    def address_key(self, version: str, email_key: str) -> bytes:
        """Return what a mail request remembers of an address; b"" when the key left the ring, which equals nothing."""
        key = self._addresses.get(version)
        return hmac.digest(key, email_key.encode(), hashlib.sha256) if key is not None else b""

    def token(self, request: MailRequest) -> str:
        """Return the token of the request's link; raises LookupError when its key left the ring."""
        key = self._tokens.get(request.key_version)
        if key is None:
            raise LookupError(f"link key {request.key_version!r} is not mounted; add it behind the current one")
        mac = hmac.digest(key, request.sealed_text(), hashlib.sha256)
        return f"{request.id}.{base64.urlsafe_b64encode(mac).decode().rstrip('=')}"

    def request_id_of(self, token: str) -> str | None:
        """Return the request a token names, None when it has no such form."""
        parts = _TOKEN.match(token)
        return parts[1] if parts else None

    def is_genuine(self, token: str, request: MailRequest) -> bool:
        """Tell whether this is the request's token; compares in constant time."""
        if self._tokens.get(request.key_version) is None:
            return False
        return hmac.compare_digest(token.encode(), self.token(request).encode())

    def bucket(self, kind: str, identifier: str) -> bytes:
        """Return the throttle bucket of an identifier, from which the identifier cannot be read."""
        return hmac.digest(self._buckets.current, f"{kind}\x00{identifier}".encode(), hashlib.sha256)
