"""Keeps the feed of revocations alive beside the consumer: seeded once, then noted every ten seconds."""

import threading
from collections.abc import Callable

from waybill_common.telemetry import get_logger

from waybill_notifier.domain.directory import DirectoryUnavailableError

EVERY_SECONDS = 10.0
_log = get_logger(__name__)


class RevocationFeed:
    """A loop for a thread of its own.

    The feed counts as alive while the queue is subscribed and auth's list was taken over once; while it does not, its
    age grows and verifiers know that they may miss something (auth.md §2.6).
    """

    def __init__(
        self, seed: Callable[[], int], note_living: Callable[[], None], is_subscribed: Callable[[], bool]
    ) -> None:
        self._seed = seed
        self._note_living = note_living
        self._is_subscribed = is_subscribed
        self._is_seeded = False

    def run(self, stop: threading.Event) -> None:
        """Turn until `stop`; what fails is tried again at the next turn, sooner as long as nothing is seeded."""
        while not stop.is_set():
            self.turn()
            stop.wait(EVERY_SECONDS if self._is_seeded else 1.0)

    def turn(self) -> None:
        """One look: seed if that is still to be done, and note that events arrive."""
        try:
            if not self._is_seeded:
                _log.info("revocations_seeded", entries=self._seed())
                self._is_seeded = True
            if self._is_subscribed():
                self._note_living()
        except DirectoryUnavailableError as error:
            _log.warning("revocations_not_seeded", error=str(error))
        except Exception as error:  # noqa: BLE001 - the database is away: the age of the feed tells, the loop goes on
            _log.warning("revocation_feed_failed", error=repr(error))
