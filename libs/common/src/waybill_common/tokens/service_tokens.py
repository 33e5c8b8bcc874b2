"""This service's own tokens for a peer, by client credentials, renewed before they end."""

import threading
import time
from base64 import b64encode
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from urllib.parse import quote_plus

import requests
from pydantic import SecretStr

from waybill_common.sessions import (
    Connector,
    ConnectorOptions,
    OutgoingCall,
    PeerAnswerError,
    PeerError,
    PeerUnavailableError,
    read_object,
)
from waybill_common.telemetry import get_logger
from waybill_common.tokens.compact import MAX_TOKEN_LENGTH

_log = get_logger(__name__)

TOKEN_PATH = "/oauth/token"  # noqa: S105 - a path
_RENEW_AT = 0.8
_RETRY_SECONDS = 1.0
# A peer that refuses a token this young refuses them all; asking for more would only add load.
_TOO_YOUNG_TO_BLAME_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class _Held:
    token: str
    got_at: float
    renew_at: float
    ends_at: float


class ServiceTokens:
    """A source of service tokens for one audience; thread-safe, one request to the issuer at a time.

    From 80 % of a token's life on, one caller fetches the next while the others go on with this one; while the
    issuer is away, the token serves until its end.
    """

    def __init__(
        self,
        auth_url: str,
        client_id: str,
        client_secret: str | SecretStr,
        audience: str,
        scopes: Iterable[str],
    ) -> None:
        """`audience` is the peer's bare name: the token is asked for `urn:waybill:<audience>` (RFC 8707)."""
        secret = client_secret if isinstance(client_secret, str) else client_secret.get_secret_value()
        options = ConnectorOptions(deadline_seconds=5.0, pool_size=2)
        self._connector = Connector("token-issuer", auth_url, options)
        self._headers = {"Authorization": _basic(client_id, secret)}
        self._form = {
            "grant_type": "client_credentials",
            "resource": f"urn:waybill:{audience}",
            "scope": " ".join(scopes),
        }
        self._clock: Callable[[], float] = time.monotonic
        self._lock = threading.Lock()
        self._held: _Held | None = None
        self._failed_at: float | None = None

    def token(self) -> str:
        """Return a token that is good now.

        Raises PeerError when there is none and the issuer cannot be asked, or refuses these credentials
        (PeerUnavailableError with reason `token_refused`).
        """
        held, now = self._held, self._clock()
        if held is not None and now < held.renew_at:
            return held.token
        if held is not None and now < held.ends_at:
            return self._renewed(held)
        with self._lock:
            held = self._held
            if held is None or self._clock() >= held.ends_at:
                held = self._held = self._fetch()
            return held.token

    def invalidate(self, token: str) -> None:
        """Forget this token, which a peer refused, unless it is only seconds old or already replaced."""
        with self._lock:
            held = self._held
            if held is None or held.token != token:
                return
            if self._clock() - held.got_at >= _TOO_YOUNG_TO_BLAME_SECONDS:
                self._held = None

    def close(self) -> None:
        """Close the connection to the issuer."""
        self._connector.close()

    def _renewed(self, held: _Held) -> str:
        """Return the next token, or this one when another thread is at it, or the issuer does not answer."""
        if not self._lock.acquire(blocking=False):
            return held.token
        try:
            if self._held is not held and self._held is not None:
                return self._held.token
            if self._failed_at is None or self._clock() - self._failed_at >= _RETRY_SECONDS:
                held = self._held = self._fetch()
        except PeerError as error:
            self._failed_at = self._clock()
            _log.warning("renewal_failed", peer=error.peer, reason=error.reason)
        finally:
            self._lock.release()
        return held.token

    def _fetch(self) -> _Held:
        call = OutgoingCall(method="POST", path=TOKEN_PATH, form=self._form, headers=self._headers)
        # The life is counted from before the request, so that a slow answer cannot stretch it.
        asked_at = self._clock()
        token, lifetime = self._read(self._connector.send(call))
        self._failed_at = None
        return _Held(token, asked_at, asked_at + _RENEW_AT * lifetime, asked_at + lifetime)

    def _read(self, answer: requests.Response) -> tuple[str, float]:
        """Return token and life in seconds of a token answer (RFC 6749, section 5.1)."""
        peer, status = self._connector.name, answer.status_code
        if status != 200:
            detail = f"{status} for {self._form['resource']}, scope {self._form['scope']!r}: check the credentials"
            raise PeerUnavailableError(peer, "token_refused", detail, status=status)
        members = read_object(peer, answer)
        token, lifetime = members.get("access_token"), members.get("expires_in")
        is_bearer = str(members.get("token_type")).lower() == "bearer"
        if not is_bearer or not isinstance(token, str) or not 0 < len(token) <= MAX_TOKEN_LENGTH:
            raise PeerAnswerError(peer, "no_bearer_token", status=status)
        if not token.isascii() or not token.isprintable() or type(lifetime) is not int or lifetime <= 0:
            raise PeerAnswerError(peer, "no_bearer_token", status=status)
        return token, float(lifetime)


def _basic(client_id: str, secret: str) -> str:
    """Return Basic credentials, both halves form-encoded first (RFC 6749, section 2.3.1)."""
    return "Basic " + b64encode(f"{quote_plus(client_id)}:{quote_plus(secret)}".encode()).decode()
