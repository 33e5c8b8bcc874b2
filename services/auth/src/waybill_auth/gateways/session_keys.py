"""The HMAC keys of sessions, encrypted at rest."""

from waybill_common.telemetry import get_logger

from waybill_auth.gateways.secret_ring import Sealer, SecretRing, UnsealError

_log = get_logger(__name__)


class SealedSessionKeys:
    """Seals a session's key under the key-encryption ring, bound to the session's id."""

    def __init__(self, ring: SecretRing) -> None:
        self._sealer = Sealer(ring)

    def seal(self, key: bytes, session_id: str) -> bytes:
        """Encrypt a session's key."""
        return self._sealer.seal(key, session_id)

    def open(self, sealed: bytes, session_id: str) -> bytes | None:
        """Decrypt a session's key; None when the key that sealed it left the ring, which ends the session's tokens."""
        try:
            return self._sealer.open(sealed, session_id)
        except UnsealError as error:
            _log.warning("session_key_unreadable", session=session_id, error=str(error))
            return None

    def is_current(self, sealed: bytes) -> bool:
        """Tell whether it is encrypted with the current key-encryption key."""
        return self._sealer.is_current(sealed)
