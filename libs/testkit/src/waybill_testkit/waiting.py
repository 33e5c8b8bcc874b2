"""Waiting for conditions and finding free ports, so that no test sleeps or guesses."""

from __future__ import annotations

import random
import socket
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

_FIRST_PAUSE_SECONDS = 0.005
_LONGEST_PAUSE_SECONDS = 0.25


def eventually(predicate: Callable[[], T], within_seconds: float = 30) -> T:
    """Call `predicate` until it gives something true and return that.

    An AssertionError inside it means "not yet". Raises AssertionError with the last outcome after `within_seconds`.
    """
    deadline = time.monotonic() + within_seconds
    pause = _FIRST_PAUSE_SECONDS
    while True:
        try:
            value = predicate()
        except AssertionError as error:
            if time.monotonic() > deadline:
                raise AssertionError(f"not within {within_seconds} s: {error}") from error
        else:
            if value:
                return value
            if time.monotonic() > deadline:
                raise AssertionError(f"not within {within_seconds} s; last value {value!r}")
        time.sleep(pause)
        pause = min(pause * 1.5, _LONGEST_PAUSE_SECONDS)


def free_port() -> int:
    """A TCP port of 127.0.0.1 that nobody listens on.

    Outside of the range that outgoing connections take theirs from (32768 and up), and of the one where whole
    platforms, which start beside these tests, look for theirs (20000 to 32000).
    """
    for _ in range(200):
        port = random.randint(10_000, 19_999)  # not a secret
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise RuntimeError("no free port between 10000 and 19999")
