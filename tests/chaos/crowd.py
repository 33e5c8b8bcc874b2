"""The shoppers and the staff at work at the same time, for as long as something is being broken."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from queue import Queue

from tests.chaos.api import Caller
from tests.chaos.history import History
from tests.chaos.shoppers import Load, serve, shop

_LAST_ANSWERS_SECONDS = 600.0


@contextmanager
def crowd(staff: Caller, customers: Sequence[Caller], history: History, seed: int) -> Iterator[None]:
    """Keep everybody busy inside the context; at its end they finish what they began. Raises the first error of any."""
    load = Load(history, Queue(), threading.Event())
    errors: list[BaseException] = []
    jobs = [(shop, customer, seed * 1000 + number) for number, customer in enumerate(customers)]
    jobs.append((serve, staff, seed))

    def guarded(play: Callable[[Caller, Load, int], None], caller: Caller, number: int) -> None:
        try:
            play(caller, load, number)
        except BaseException as error:
            errors.append(error)
            raise

    threads = [threading.Thread(target=guarded, args=job, daemon=True) for job in jobs]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        load.over.set()
        for thread in threads:
            thread.join(timeout=_LAST_ANSWERS_SECONDS)
    if errors:
        raise errors[0]
