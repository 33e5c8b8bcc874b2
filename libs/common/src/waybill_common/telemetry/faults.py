"""Named places where the crash suite may stop the process; without its setting they do nothing."""

import os
import random
import signal
from collections.abc import Callable
from pathlib import Path

_armed: dict[str, Callable[[], None]] = {}


def fault_point(name: str) -> None:
    """Mark a window that the crash suite aims at; acts only when `arm_fault_points` named it."""
    action = _armed.get(name)
    if action is not None:
        action()


def arm_fault_points(specification: str, process: str = "") -> None:
    """Arm the points of `name=kill:1/50;orders.web:name=kill@FILE` (the setting `WAYBILL_FAULT_HOOKS`); "" disarms all.

    `kill:1/N` ends the process with SIGKILL at one passage in N; `kill@FILE` does so when it is the first to remove
    FILE, so that a test can ask for exactly one death. A name behind `orders.web:` is armed in that process alone.
    Raises ValueError for a specification it cannot read.
    """
    armed = {}
    for part in filter(None, (item.strip() for item in specification.split(";"))):
        place, _, action = part.partition("=")
        only, _, name = place.rpartition(":")
        deed = _parse(action, part)
        if only in {"", process}:
            armed[name] = deed
    _armed.clear()
    _armed.update(armed)


def _parse(action: str, part: str) -> Callable[[], None]:
    if action.startswith("kill@"):
        flag = Path(action.removeprefix("kill@"))
        return lambda: _die_if(_take(flag))
    odds = action.removeprefix("kill:1/")
    if action.startswith("kill:1/") and odds.isdecimal() and int(odds) > 0:
        return lambda: _die_if(random.randrange(int(odds)) == 0)  # noqa: S311 - chance, not secrecy
    raise ValueError(f"cannot read the fault hook {part!r}; write NAME=kill:1/50 or NAME=kill@FILE")


def _take(flag: Path) -> bool:
    try:
        flag.unlink()
    except FileNotFoundError:
        return False
    return True


def _die_if(chosen: bool) -> None:
    if chosen:
        os.kill(os.getpid(), signal.SIGKILL)
