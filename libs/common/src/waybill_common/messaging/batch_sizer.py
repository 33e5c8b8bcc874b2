"""How many outbox rows to publish at once, so that one row the broker refuses is found and stops nobody else."""

from collections.abc import Sequence

FAILURES_BEFORE_HALVING = 2
FAILURES_ALONE = 3


class BatchSizer:
    """A binary search over the head of the outbox, driven by what the broker refused and took.

    After two refusals the batch is halved at every step, refused or taken, until it is one row or the last suspect
    is behind; a row refused three times alone is guilty.
    """

    def __init__(self, full: int) -> None:
        self._full = full
        self._limit = full
        self._refusals = 0
        self._last_suspect: int | None = None
        self._alone: tuple[int, int] | None = None

    @property
    def limit(self) -> int:
        """Rows of the next batch."""
        return self._limit

    @property
    def is_searching(self) -> bool:
        """The broker refused something that is not behind us yet."""
        return self._last_suspect is not None or self._alone is not None

    def refused(self, positions: Sequence[int]) -> int | None:
        """Note that the broker refused these rows; returns the position of a row that is found guilty."""
        if len(positions) == 1:
            return self._refused_alone(positions[0])
        self._refusals += 1
        self._last_suspect = positions[-1]
        if self._refusals >= FAILURES_BEFORE_HALVING:
            self._limit = len(positions) // 2
        return None

    def taken(self, positions: Sequence[int]) -> None:
        """Note that the broker confirmed these rows."""
        if self._last_suspect is None or (positions and positions[-1] >= self._last_suspect):
            self._reset()
        elif self._refusals >= FAILURES_BEFORE_HALVING:
            self._limit = max(1, self._limit // 2)

    def _refused_alone(self, position: int) -> int | None:
        times = self._alone[1] + 1 if self._alone and self._alone[0] == position else 1
        self._alone = (position, times)
        if times < FAILURES_ALONE:
            return None
        self._reset()
        return position

    def _reset(self) -> None:
        self._limit = self._full
        self._refusals = 0
        self._last_suspect = None
        self._alone = None
