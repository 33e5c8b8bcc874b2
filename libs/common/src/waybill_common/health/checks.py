"""Liveness and readiness as named checks, and the three answers of every internal port."""

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import orjson
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry

from waybill_common.telemetry import get_logger, render_metrics

Check = Callable[[], str | None]
"""Returns None when all is well, else a short reason for the person who reads the probe's answer."""

_CACHE_SECONDS = 1.0
_log = get_logger(__name__)


class Tick:
    """The age of a loop's last turn: a loop that stopped turning is dead, whatever its connections say."""

    def __init__(self, limit_seconds: float) -> None:
        self._limit = limit_seconds
        self._last = time.monotonic()

    def touch(self) -> None:
        """Note that the loop turned."""
        self._last = time.monotonic()

    def check(self) -> str | None:
        """Return a reason when the last turn is older than the limit."""
        age = time.monotonic() - self._last
        return f"the loop has not turned for {age:.0f} s" if age > self._limit else None


@dataclass(frozen=True)
class Reply:
    """An answer of the internal port."""

    status: int
    content_type: str
    body: bytes


class HealthChecks:
    """Answers `/livez`, `/readyz` and `/metrics`; readiness is asked at most once a second."""

    def __init__(
        self,
        registry: CollectorRegistry,
        live: Mapping[str, Check] | None = None,
        ready: Mapping[str, Check] | None = None,
    ) -> None:
        self.registry = registry
        self._live = dict(live or {})
        self._ready = dict(ready or {})
        self._lock = threading.Lock()
        self._cached: tuple[float, Reply] | None = None

    def reply(self, path: str) -> Reply:
        """Return the answer for a path of the internal port, 404 for any other."""
        if path == "/livez":
            return _judge(self._live)
        if path == "/readyz":
            return self._readiness()
        if path == "/metrics":
            return Reply(200, CONTENT_TYPE_LATEST, render_metrics(self.registry))
        return Reply(404, "application/json", b'{"detail":"this port answers /livez, /readyz and /metrics"}')

    def _readiness(self) -> Reply:
        with self._lock:
            now = time.monotonic()
            if self._cached is None or now - self._cached[0] > _CACHE_SECONDS:
                self._cached = (now, _judge(self._ready))
            return self._cached[1]


def _judge(checks: Mapping[str, Check]) -> Reply:
    faults: dict[str, str] = {}
    for name, check in checks.items():
        try:
            reason = check()
        except Exception as error:  # noqa: BLE001 - a check that breaks is a check that failed, and says how
            _log.warning("check_failed", check=name, error=repr(error))
            reason = type(error).__name__
        if reason is not None:
            faults[name] = reason
    status = 503 if faults else 200
    return Reply(status, "application/json", orjson.dumps({"status": "failed" if faults else "ok", "faults": faults}))
