"""What a connector is told: the bounds of its calls, where tokens come from, and what one call asks."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from waybill_common.sessions.breaker import BreakerOptions

_IDEMPOTENT = frozenset({"GET", "HEAD", "OPTIONS", "PUT", "DELETE"})  # RFC 9110, section 9.2.2


class TokenSource(Protocol):
    """Where a connector gets the bearer token that it shows to its peer."""

    def token(self) -> str:
        """Return a token that is good now; raises PeerError when none can be had."""

    def invalidate(self, token: str) -> None:
        """Forget this token: the peer refused it."""


@dataclass(frozen=True)
class ConnectorOptions:
    """Bounds of one peer's calls; seconds, bytes and counts.

    `deadline_seconds` bounds a whole call with its retries; an outer `deadline_scope` may end it sooner. `pool_size`
    is how many calls may be under way at once.
    """

    connect_timeout: float = 1.0
    read_timeout: float = 5.0
    pool_size: int = 8
    deadline_seconds: float = 10.0
    max_attempts: int = 3
    backoff_seconds: float = 0.05
    max_response_bytes: int = 1_048_576
    retry_ratio: float = 0.1
    retry_reserve: float = 3.0
    breaker: BreakerOptions = field(default_factory=BreakerOptions)


@dataclass(frozen=True, kw_only=True)
class OutgoingCall:
    """One request as the caller means it; `path` is below the connector's base address and starts with `/`.

    The caller percent-encodes what it puts into a path. At most one of `json` and `form` is given.
    """

    method: str
    path: str
    json: Any = None
    form: Mapping[str, str] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    idempotency_key: str | None = None

    def __post_init__(self) -> None:
        segments = self.path.partition("?")[0].split("/")
        if not self.path.startswith("/") or ".." in segments or "." in segments:
            raise ValueError(f"{self.path!r} is no path below the peer's address; start it with / and leave dots out")

    @property
    def is_repeatable(self) -> bool:
        """Tell whether sending it twice does no more than sending it once."""
        return self.method in _IDEMPOTENT or self.idempotency_key is not None
