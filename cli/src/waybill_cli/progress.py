"""Progress on long work, on standard error and only where a person watches."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar

from rich.console import Console
from rich.progress import Progress, track

T = TypeVar("T")
_LOOK_EVERY_SECONDS = 0.5


def steps(work: Sequence[T], what: str) -> Iterator[T]:
    """Hand out `work` one by one, with a bar of how far it is."""
    console = Console(stderr=True)
    counted: Iterable[T] = track(
        work, what, console=console, transient=True, disable=not console.is_terminal, total=len(work)
    )
    yield from counted


def poll(look: Callable[[], T], is_done: Callable[[T], bool], within_seconds: float, what: str) -> T:
    """Look until it is done or the time is over, with a bar of the time, and return what was seen last."""
    console = Console(stderr=True)
    began = time.monotonic()
    with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(what, total=within_seconds)
        while True:
            seen = look()
            passed = time.monotonic() - began
            if is_done(seen) or passed > within_seconds:
                return seen
            bar.update(task, completed=passed)
            time.sleep(_LOOK_EVERY_SECONDS)  # the service has no way to call us
