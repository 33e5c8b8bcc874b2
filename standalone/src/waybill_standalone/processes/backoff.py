"""How long to wait before a process that died is started again."""

from __future__ import annotations

FIRST_SECONDS = 0.2
LONGEST_SECONDS = 10.0
HEALTHY_SECONDS = 30.0


class Backoff:
    """Doubles from 0.2 s to 10 s with each death; begins anew after 30 s without one. Times are monotonic seconds."""

    def __init__(self) -> None:
        self._next_seconds = FIRST_SECONDS

    def died(self, now: float, ran_seconds: float) -> float:
        """Note a death after `ran_seconds` of life and return the moment of the next start."""
        if ran_seconds >= HEALTHY_SECONDS:
            self._next_seconds = FIRST_SECONDS
        due = now + self._next_seconds
        self._next_seconds = min(self._next_seconds * 2, LONGEST_SECONDS)
        return due
