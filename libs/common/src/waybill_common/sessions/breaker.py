"""The circuit breaker: stop asking a peer that does not answer, and find out by one probe when it does again."""

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum


class BreakerState(IntEnum):
    """The states and their value in the gauge."""

    CLOSED = 0
    HALF_OPEN = 1
    OPEN = 2


@dataclass(frozen=True, kw_only=True)
class BreakerOptions:
    """When to open: so many failures in a row, or this share of a full window; seconds until a probe may go."""

    failures_in_row: int = 5
    window: int = 20
    failure_ratio: float = 0.5
    open_seconds: float = 5.0


@dataclass(frozen=True, slots=True)
class Permit:
    """Leave to make one call; `generation` tells a late result of an earlier state from a current one."""

    generation: int


class Breaker:
    """Counts results of one peer in this process; thread-safe.

    Every permit must come back by `record` or, when the peer was never asked or the result says nothing about it,
    by `cancel`: a probe that is lost would keep the breaker half-open for ever.
    """

    def __init__(
        self,
        options: BreakerOptions | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
        on_change: Callable[[BreakerState], None] = lambda _state: None,
    ) -> None:
        self._options = options or BreakerOptions()
        self._clock = clock
        self._on_change = on_change
        self._lock = threading.Lock()
        self._state = BreakerState.CLOSED
        self._generation = 0
        self._in_row = 0
        self._recent: deque[bool] = deque(maxlen=self._options.window)
        self._probe_at = 0.0
        on_change(self._state)

    @property
    def state(self) -> BreakerState:
        """The state in force; an open breaker turns half-open when the probe is asked for, not by time alone."""
        return self._state

    def admit(self) -> Permit | None:
        """Return leave to call; None while open, or while the single probe of a half-open breaker is under way."""
        with self._lock:
            if self._state is BreakerState.CLOSED:
                return Permit(self._generation)
            if self._state is BreakerState.OPEN and self._clock() >= self._probe_at:
                self._become(BreakerState.HALF_OPEN)
                return Permit(self._generation)
            return None

    def record(self, permit: Permit, *, succeeded: bool) -> None:
        """Take back a permit with its result; one of an earlier state is ignored."""
        with self._lock:
            if permit.generation != self._generation:
                return
            if self._state is BreakerState.HALF_OPEN:
                self._become(BreakerState.CLOSED if succeeded else BreakerState.OPEN)
                return
            self._recent.append(succeeded)
            self._in_row = 0 if succeeded else self._in_row + 1
            if self._is_sick():
                self._become(BreakerState.OPEN)

    def cancel(self, permit: Permit) -> None:
        """Take back a permit without a result; a cancelled probe may be tried again at once."""
        with self._lock:
            if permit.generation == self._generation and self._state is BreakerState.HALF_OPEN:
                self._become(BreakerState.OPEN, probe_in=0.0)

    def _is_sick(self) -> bool:
        options = self._options
        if self._in_row >= options.failures_in_row:
            return True
        window_is_full = len(self._recent) == options.window
        return window_is_full and self._recent.count(False) >= options.failure_ratio * options.window

    def _become(self, state: BreakerState, probe_in: float | None = None) -> None:
        self._state = state
        self._generation += 1
        self._in_row = 0
        self._recent.clear()
        if state is BreakerState.OPEN:
            self._probe_at = self._clock() + (self._options.open_seconds if probe_in is None else probe_in)
        self._on_change(state)
