"""The time a piece of work still has, carried through calls and over HTTP in `Waybill-Deadline-Ms`."""

import time
from contextvars import ContextVar, Token
from types import TracebackType

DEADLINE_HEADER = "Waybill-Deadline-Ms"
_deadline: ContextVar[float | None] = ContextVar("deadline", default=None)


class deadline_scope:  # noqa: N801 - reads as what it is; a generator would cost three times as much on every request
    """Give the work inside at most this many seconds; an outer scope that ends sooner stays in force."""

    __slots__ = ("_seconds", "_token")

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._token: Token[float | None] | None = None

    def __enter__(self) -> None:
        ends_at = time.monotonic() + max(0.0, self._seconds)
        outer = _deadline.get()
        self._token = _deadline.set(ends_at if outer is None else min(ends_at, outer))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._token is not None, "left before it was entered"
        _deadline.reset(self._token)


def remaining_seconds() -> float | None:
    """Return what is left of the scope in hand, never below zero; None outside of one."""
    ends_at = _deadline.get()
    return None if ends_at is None else max(0.0, ends_at - time.monotonic())


def read_deadline(header: str | None, longest_seconds: float) -> float:
    """Return the seconds a caller's `Waybill-Deadline-Ms` grants, at most `longest_seconds`.

    A missing or unreadable header grants `longest_seconds`: a caller cannot make work last longer than the server
    wants, and a broken one must not make it fail.
    """
    if header is None or not (header.isascii() and header.isdigit() and len(header) <= 9):
        return longest_seconds
    return min(int(header) / 1000, longest_seconds)


def write_deadline(seconds: float) -> str:
    """Return the header's value: whole milliseconds, rounded down, so that a hop can only shorten it."""
    return str(int(seconds * 1000))
