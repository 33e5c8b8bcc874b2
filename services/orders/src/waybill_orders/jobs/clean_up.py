"""Every few minutes: remove what has outlived its use, in small batches."""

from collections.abc import Callable, Sequence

from waybill_common.jobs import Again, Done, JobRun, Outcome

KIND = "clean_up"
EVERY_SECONDS = 300.0
_MOST_ROUNDS = 20

Removal = Callable[[], bool]
"""Removes one batch in a transaction of its own; True when there may be more."""


def clean_up_job(removals: Sequence[Removal]) -> Callable[[JobRun], Outcome]:
    """Return the handler, which calls each removal until it has nothing left, for a bounded time."""

    def handle(_run: JobRun) -> Outcome:
        for _ in range(_MOST_ROUNDS):
            is_more_left = [removal() for removal in removals]
            if not any(is_more_left):
                return Done()
        return Again(1.0)

    return handle
