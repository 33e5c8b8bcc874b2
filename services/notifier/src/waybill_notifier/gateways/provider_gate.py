"""Decides whether mail may go to the provider now: a breaker with a half-open probe, and a rate that gives way."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from waybill_notifier.domain.letter import ProviderClosedError
from waybill_notifier.domain.smtp_replies import FailureClass

_LONGEST_PAUSE_SECONDS = 1.0
_LOWEST_RATE = 0.1
_RECOVERY_STEP_SECONDS = 10.0


@dataclass(frozen=True)
class GateOptions:
    """The breaker opens after `failures` provider failures in a row, at once for a fault of configuration."""

    failures: int = 5
    open_seconds: float = 30
    configuration_seconds: float = 60
    rate_per_second: float = 100


class ProviderGate:
    """Breaker and pace of one provider, for all threads of one process (other processes have their own)."""

    def __init__(self, options: GateOptions, clock: Callable[[], float] = time.monotonic) -> None:
        self._options = options
        self._clock = clock
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._failures = 0
        self._open_until: float | None = None
        self._is_configuration = False
        self._is_probing = False
        self._rate = options.rate_per_second
        self._rate_changed_at = clock()
        self._next_slot = clock()

    def check(self) -> None:
        """Raise ProviderClosedError while nothing may be sent; takes neither probe nor slot."""
        with self._lock:
            self._refuse_while_open(self._clock())

    def enter(self) -> bool:
        """Wait for a slot of the rate and return whether this call is the probe of a breaker that is open and due.

        Raises ProviderClosedError with the wait when the breaker is open or the next slot is over a second away.
        Each `enter` that returns is followed by exactly one `leave`, which is told what it returned.
        """
        with self._lock:
            now = self._clock()
            self._refuse_while_open(now)
            slot = max(now, self._next_slot)
            pause = slot - now
            if pause > _LONGEST_PAUSE_SECONDS:
                raise ProviderClosedError(pause, is_configuration=False)
            self._next_slot = slot + 1 / self._rate
            is_probe = self._is_probing = self._open_until is not None
        if pause > 0:
            self._closing.wait(pause)
        return is_probe

    def leave(self, failure: FailureClass | None, *, reached_provider: bool, is_probe: bool) -> None:
        """Report an attempt; `reached_provider` False is one that says nothing about it (an exception of our own).

        While the breaker is open its probe alone decides: any other attempt began before it opened.
        """
        with self._lock:
            now = self._clock()
            if is_probe:
                self._is_probing = False
            elif self._open_until is not None:
                return
            if failure is FailureClass.CONFIGURATION:
                self._open(now + self._options.configuration_seconds, is_configuration=True)
            elif failure is FailureClass.PROVIDER_TRANSIENT:
                self._failures += 1
                if self._failures >= self._options.failures or self._open_until is not None:
                    self._open(now + self._options.open_seconds, is_configuration=False)
            elif reached_provider:
                self._failures = 0
                self._open_until = None
                self._adapt_rate(failure, now)

    def close(self) -> None:
        """End pauses: the process is stopping."""
        self._closing.set()

    @property
    def is_open(self) -> bool:
        """True while the breaker refuses."""
        return self._open_until is not None and self._clock() < self._open_until

    @property
    def rate(self) -> float:
        """Mails a second that may be sent now."""
        return self._rate

    def _refuse_while_open(self, now: float) -> None:
        if self._open_until is None:
            return
        if now < self._open_until:
            raise ProviderClosedError(self._open_until - now, is_configuration=self._is_configuration)
        if self._is_probing:
            raise ProviderClosedError(_LONGEST_PAUSE_SECONDS, is_configuration=self._is_configuration)

    def _open(self, until: float, *, is_configuration: bool) -> None:
        self._open_until = until
        self._is_configuration = is_configuration

    def _adapt_rate(self, failure: FailureClass | None, now: float) -> None:
        """Halve at a rate answer; add a tenth of the full rate every ten seconds without one (AIMD)."""
        full = self._options.rate_per_second
        if failure is FailureClass.PROVIDER_RATE:
            self._rate = max(self._rate / 2, _LOWEST_RATE)
            self._rate_changed_at = now
        elif failure is None and self._rate < full and now - self._rate_changed_at >= _RECOVERY_STEP_SECONDS:
            self._rate = min(full, self._rate + full / 10)
            self._rate_changed_at = now
