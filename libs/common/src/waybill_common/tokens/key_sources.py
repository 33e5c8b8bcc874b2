"""The issuer's keys in memory: fetched from its JWKS address with limits, or given."""

import threading
import time
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from waybill_common.sessions import (
    BreakerOptions,
    Connector,
    ConnectorMetrics,
    ConnectorOptions,
    PeerAnswerError,
    PeerError,
)
from waybill_common.telemetry import get_logger
from waybill_common.tokens.compact import read_object
from waybill_common.tokens.errors import InvalidTokenError, KeysUnavailableError
from waybill_common.tokens.keys import VerificationKey, load_keys

_log = get_logger(__name__)

REFETCH_SECONDS = 30.0
RETRY_SECONDS = 1.0
STALE_SECONDS = 300.0  # the max-age of the JWKS answer


class StaticKeys:
    """A key set that was given and never changes: for the issuer itself, and for tests."""

    def __init__(self, jwks: Mapping[str, Any]) -> None:
        """Load the set by the rules of `load_keys`; raises ValueError when no key of it may be used."""
        self._keys = load_keys(jwks)
        if not self._keys:
            raise ValueError("no key of this set can verify tokens: see load_keys for the rules")

    def find(self, kid: str) -> VerificationKey | None:
        """Return the key of this id, None when there is none."""
        return self._keys.get(kid)


class JwksKeys:
    """The key set behind the issuer's JWKS address; thread-safe, made after the fork.

    A known kid never waits: a set older than five minutes is replaced by a thread of its own, so that the issuer
    being away delays nobody, and a key it has withdrawn ends here within that time. An unknown kid is looked up at
    the issuer at once, but a successful fetch is not repeated within 30 s, whoever asks for what; a failed one is
    after 1 s.
    """

    def __init__(self, connector: Connector, url: str, *, clock: Callable[[], float] = time.monotonic) -> None:
        """`url` is a path below the connector's address, or an address that begins with it (else ValueError)."""
        self._connector = connector
        self._path = url.removeprefix(connector.base_url)
        if not self._path.startswith("/"):
            raise ValueError(f"{url!r} is not below {connector.base_url!r}, which this connector calls")
        self._clock = clock
        self._keys: dict[str, VerificationKey] = {}
        self._fetching = threading.Lock()
        self._fetched_at: float | None = None
        self._failed_at: float | None = None

    def find(self, kid: str) -> VerificationKey | None:
        """Return the key, None when the issuer has none; raises KeysUnavailableError until a first set has loaded."""
        key = self._keys.get(kid)
        if self._is_stale():
            self._refresh_aside()
        if key is not None:
            return key
        with self._fetching:
            # Another thread may have fetched while this one waited for the lock.
            if kid not in self._keys and self._may_fetch(REFETCH_SECONDS):
                self._fetch()
        if not self._keys:
            raise KeysUnavailableError("no key set of the issuer has been loaded yet")
        return self._keys.get(kid)

    def is_ready(self) -> bool:
        """Tell whether a set is loaded, trying to load the first one; for the readiness probe."""
        if not self._keys:
            with self._fetching:
                if not self._keys and self._may_fetch(0):
                    self._fetch()
        return bool(self._keys)

    def close(self) -> None:
        """Close the connection to the issuer."""
        self._connector.close()

    def _may_fetch(self, success_lasts_seconds: float) -> bool:
        now = self._clock()
        if self._failed_at is not None and now - self._failed_at < RETRY_SECONDS:
            return False
        return self._fetched_at is None or now - self._fetched_at >= success_lasts_seconds

    def _is_stale(self) -> bool:
        return self._fetched_at is not None and self._may_fetch(STALE_SECONDS)

    def _refresh_aside(self) -> None:
        """Fetch in a thread of its own, unless one is at it."""
        if self._fetching.acquire(blocking=False):
            threading.Thread(target=self._refresh_and_release, name="jwks-refresh", daemon=True).start()

    def _refresh_and_release(self) -> None:
        try:
            self._fetch()
        finally:
            self._fetching.release()

    def _fetch(self) -> None:
        """Replace the set; keep the old one when the issuer cannot be asked or sends none that can be used."""
        try:
            keys = self._load()
        except PeerError as error:
            self._failed_at = self._clock()
            _log.warning("jwks_fetch_failed", peer=error.peer, reason=error.reason)
            return
        self._keys, self._fetched_at, self._failed_at = keys, self._clock(), None

    def _load(self) -> dict[str, VerificationKey]:
        answer = self._connector.request("GET", self._path)
        peer = self._connector.name
        if answer.status_code != 200:
            raise PeerAnswerError(peer, f"http_{answer.status_code}", status=answer.status_code)
        try:
            keys = load_keys(read_object(answer.content))
        except InvalidTokenError as error:
            raise PeerAnswerError(peer, error.reason) from error
        if not keys:
            raise PeerAnswerError(peer, "no_usable_key")
        return keys


def jwks_keys(url: str, metrics: ConnectorMetrics | None = None) -> JwksKeys:
    """Return the keys behind an absolute JWKS address, on a connector of their own."""
    parts = urlsplit(url)
    # One try and no rest for the breaker: the limits above decide when to ask again, and a request may be waiting.
    options = ConnectorOptions(
        read_timeout=2.0, deadline_seconds=3.0, max_attempts=1, pool_size=2, breaker=BreakerOptions(open_seconds=0.0)
    )
    connector = Connector("jwks", f"{parts.scheme}://{parts.netloc}", options, None, metrics)
    return JwksKeys(connector, url)
