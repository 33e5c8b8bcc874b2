"""Revoked sessions and users from auth: the events, and the loop that seeds the table and says that the feed lives."""

import threading
from collections.abc import Callable, Mapping
from typing import Any

from waybill_common.health import Tick
from waybill_common.messaging import EventRouter, Handling, IncomingEvent, PermanentMessageError
from waybill_common.telemetry import get_logger

from waybill_orders.use_cases.follow_revocations import (
    FeedUnitOfWorkFactory,
    note_feed_alive,
    seed_revocations,
    take_revocation,
)

QUEUE = "orders.events.v1"
EVERY_SECONDS = 10.0
_RETRY_SECONDS = 1.0
_log = get_logger(__name__)


def user_events(unit_of_work: FeedUnitOfWorkFactory) -> EventRouter:
    """Return the handler of `orders.events.v1`; types that it does not know are ignored."""

    def revoke(event: IncomingEvent) -> Handling:
        try:
            is_new = take_revocation(event.id, event.data, unit_of_work)
        except ValueError as error:
            raise PermanentMessageError("invalid_data", str(error)) from error
        return Handling.HANDLED if is_new else Handling.DUPLICATE

    return EventRouter({"auth.session.revoked": revoke, "auth.user.revoked": revoke})


class RevocationFeed:
    """Seeds the table once at the start, then notes every ten seconds that the feed is alive while it is subscribed.

    `read_revocations` asks auth for what a starting service must know and raises PeerError when it cannot; `is_open`
    tells whether events are being consumed. While either fails the table ages, which a reader can see; nothing stops.
    """

    def __init__(
        self,
        unit_of_work: FeedUnitOfWorkFactory,
        read_revocations: Callable[[], list[Mapping[str, Any]]],
        is_open: Callable[[], bool],
    ) -> None:
        self._unit_of_work = unit_of_work
        self._read_revocations = read_revocations
        self._is_open = is_open
        self._is_seeded = False
        self._complaint = ""
        self.tick = Tick(limit_seconds=60.0)

    def run(self, stop: threading.Event) -> None:
        """Keep the feed until `stop`."""
        while True:
            self.tick.touch()
            if stop.wait(EVERY_SECONDS if self.step() else _RETRY_SECONDS):
                return

    def step(self) -> bool:
        """Seed if that is still to be done and note life; False when it has to be tried again soon."""
        try:
            if not self._is_seeded:
                count = seed_revocations(self._read_revocations(), self._unit_of_work)
                self._is_seeded = True
                _log.info("revocations_seeded", count=count)
            if not self._is_open():
                return False
            note_feed_alive(self._unit_of_work)
        except Exception as error:  # noqa: BLE001 - auth or the database may be away for an hour: the feed ages and comes back
            self._complain(error)
            return False
        self._complaint = ""
        return True

    def _complain(self, error: Exception) -> None:
        """Say what is wrong once, not every second."""
        complaint = f"{type(error).__name__}: {error}"
        if complaint != self._complaint:
            self._complaint = complaint
            _log.warning("revocation_feed_stands_still", error=complaint, seeded=self._is_seeded)
