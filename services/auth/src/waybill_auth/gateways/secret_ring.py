"""Mounted secrets with an id each: the first is current, the others still open what they once sealed."""

import hashlib
import hmac
import secrets
from collections.abc import Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_NONCE_BYTES = 12


class SecretRing:
    """Secrets by id; at least one."""

    def __init__(self, pairs: Sequence[tuple[str, bytes]]) -> None:
        self._secrets = dict(pairs)
        self.current_id = pairs[0][0]

    def get(self, secret_id: str) -> bytes | None:
        """Return the secret with this id, None when it was taken out of the ring."""
        return self._secrets.get(secret_id)

    @property
    def current(self) -> bytes:
        """The secret that new work uses."""
        return self._secrets[self.current_id]

    def derived(self, purpose: str) -> "SecretRing":
        """Return a ring of keys for one purpose, so that no key serves two."""
        return SecretRing(
            [(key_id, hmac.digest(key, purpose.encode(), hashlib.sha256)) for key_id, key in self._secrets.items()]
        )


class UnsealError(Exception):
    """What was sealed cannot be opened: its key left the ring, or the row was tampered with."""


class Sealer:
    """AES-256-GCM under the ring's current key; a sealed value is `<key id>.<nonce><ciphertext and tag>`.

    The context is authenticated with it, so that a value cannot be moved to another row.
    """

    def __init__(self, ring: SecretRing) -> None:
        self._ring = ring

    def seal(self, plain: bytes, context: str) -> bytes:
        """Encrypt."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        body = AESGCM(self._ring.current).encrypt(nonce, plain, context.encode())
        return self._ring.current_id.encode() + b"." + nonce + body

    def open(self, sealed: bytes, context: str) -> bytes:
        """Decrypt; raises UnsealError."""
        key_id, _, body = sealed.partition(b".")
        key = self._ring.get(key_id.decode("ascii", "replace"))
        if key is None:
            raise UnsealError(f"the key-encryption key {key_id!r} is not mounted; add it behind the current one")
        try:
            return AESGCM(key).decrypt(body[:_NONCE_BYTES], body[_NONCE_BYTES:], context.encode())
        except InvalidTag:
            raise UnsealError("a sealed value does not match its row") from None

    def is_current(self, sealed: bytes) -> bool:
        """Tell whether the value is sealed with the current key."""
        return sealed.partition(b".")[0].decode("ascii", "replace") == self._ring.current_id
