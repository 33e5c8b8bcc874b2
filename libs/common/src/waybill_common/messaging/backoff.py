"""Waiting longer after each failure, at random so that many processes do not return at the same moment."""

import random


class Backoff:
    """Full jitter: a random wait between a tenth of a bound and the bound, which doubles from `first` to `most`."""

    def __init__(self, first_seconds: float, most_seconds: float) -> None:
        self._first = first_seconds
        self._most = most_seconds
        self._failures = 0

    def next_seconds(self) -> float:
        """How long to wait after one more failure."""
        bound = min(self._most, self._first * 2.0 ** min(self._failures, 30))
        self._failures += 1
        return bound * random.uniform(0.1, 1.0)  # noqa: S311 - spread, not secrecy

    def reset(self) -> None:
        """Forget the failures after a success."""
        self._failures = 0


def jittered(seconds: float) -> float:
    """`seconds` give or take a fifth, for polls of several processes."""
    return seconds * random.uniform(0.8, 1.2)  # noqa: S311 - spread, not secrecy
