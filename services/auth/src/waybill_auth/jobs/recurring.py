"""The recurring work: keys move on every minute if it is their time, and what has expired is removed."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from waybill_common.jobs import Done, Handler, JobRun
from waybill_common.telemetry import get_logger

from waybill_auth.use_cases.rotate_keys import Rotation

ROTATE_KEYS = "auth.rotate_keys"
PURGE_EXPIRED = "auth.purge_expired"
SCHEDULE: Mapping[str, float] = {ROTATE_KEYS: 60.0, PURGE_EXPIRED: 600.0}
"""Seconds between two runs, by kind."""

_MOST_BATCHES = 100
_log = get_logger(__name__)


@dataclass(frozen=True)
class Housekeeping:
    """The use cases behind the jobs; both judge rows under locks, so a run that lost its lease does no harm."""

    rotate_keys: Callable[[], Rotation]
    purge_expired: Callable[[], Mapping[str, int]]


def handlers(use: Housekeeping) -> dict[str, Handler]:
    """Return the handlers by kind."""
    return {ROTATE_KEYS: lambda run: _rotate(use, run), PURGE_EXPIRED: lambda run: _purge(use, run)}


def _rotate(use: Housekeeping, _run: JobRun) -> Done:
    rotation = use.rotate_keys()
    if rotation != Rotation((), (), (), ()):
        _log.info("keys_moved", created=rotation.created, activated=rotation.activated, dropped=rotation.dropped)
    return Done()


def _purge(use: Housekeeping, _run: JobRun) -> Done:
    for _ in range(_MOST_BATCHES):
        removed = use.purge_expired()
        if not any(removed.values()):
            break
        _log.info("purged", **removed)
    return Done()
