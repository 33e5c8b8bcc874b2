"""What auth counts beside its requests."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

_HASH_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
_WAIT_SECONDS = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0)
# What the labels may say; each begins at zero, so that a rate sees its first increase.
_SCHEMES = ("h1", "plain")
_LOGINS = (
    "succeeded",
    "invalid_credentials",
    "email_not_verified",
    "account_disabled",
    "too_many_attempts",
    "sign_in_busy",
    "signing_key_missing",
)
_REFRESHES = ("rotated", "grace", "reuse", "invalid")


class AuthMetrics:
    """Hashes, sign-ins, refreshes and reads of the key set; one per registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._hash = Histogram(
            "auth_hash_seconds", "Duration of a hash.", ["scheme"], buckets=_HASH_SECONDS, registry=registry
        )
        self._wait = Histogram(
            "auth_hash_wait_seconds", "Wait for a hash slot.", buckets=_WAIT_SECONDS, registry=registry
        )
        self._inflight = Gauge(
            "auth_hash_inflight", "Hashes being made.", registry=registry, multiprocess_mode="livesum"
        )
        self._refused = Counter("auth_hash_rejected", "Hashes refused for want of a slot.", registry=registry)
        self._unreadable = Counter("auth_stored_hash_unreadable", "Stored hashes of no known form.", registry=registry)
        self._logins = Counter("auth_logins", "Sign-ins by outcome.", ["outcome"], registry=registry)
        self._refreshes = Counter("auth_refresh", "Refreshes by outcome.", ["outcome"], registry=registry)
        for scheme in _SCHEMES:
            self._hash.labels(scheme)
        for outcome in _LOGINS:
            self._logins.labels(outcome)
        for outcome in _REFRESHES:
            self._refreshes.labels(outcome)
        self._jwks = Counter("auth_jwks_fetch", "Reads of the key set.", registry=registry)

    def hash_took(self, scheme: str, seconds: float) -> None:
        """One password was worked on."""
        self._hash.labels(scheme).observe(seconds)

    def hash_waited(self, seconds: float) -> None:
        """A hash got its slot after so long."""
        self._wait.observe(seconds)

    def hash_inflight(self, change: int) -> None:
        """A hash began (+1) or ended (-1)."""
        self._inflight.inc(change)

    def hash_refused(self) -> None:
        """No slot came free, or too many were waiting."""
        self._refused.inc()

    def stored_hash_unreadable(self) -> None:
        """A stored hash has no form we know."""
        self._unreadable.inc()

    def login(self, outcome: str) -> None:
        """A sign-in ended so."""
        self._logins.labels(outcome).inc()

    def refresh(self, outcome: str) -> None:
        """A refresh ended so: rotated, grace, reuse or invalid."""
        self._refreshes.labels(outcome).inc()

    def jwks_read(self) -> None:
        """Somebody read the key set."""
        self._jwks.inc()
