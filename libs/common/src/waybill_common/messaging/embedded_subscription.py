"""Reading one queue of the embedded broker: rows are taken by an owner, and come back when the owner is gone."""

from __future__ import annotations

import contextlib
import select
import time
from dataclasses import replace

import psycopg2

from waybill_common.messaging.broker import BrokerUnavailableError, Delivery, SubscriptionCancelledError
from waybill_common.messaging.embedded_routes import Routes, load_routes
from waybill_common.messaging.embedded_rows import Row, expire, give_back, notify, ready_count, seconds_until_due, take
from waybill_common.messaging.embedded_schema import OWNER_LOCK_CLASS, channel_of
from waybill_common.messaging.embedded_session import close_session, keep_alive, open_session, unavailable

# Between two looks at what has expired and at owners that died; a NOTIFY wakes at once.
LOOK_EVERY_SECONDS = 1.0
_SHORTEST_LOOK_SECONDS = 0.02  # an expired message that another reader is moving, or that has nowhere to go


class EmbeddedSubscription:
    """One connection that takes messages in its own name; for one thread alone.

    The name is a number, and being alive is a session advisory lock on it: when the process, the connection or the
    whole server dies the lock is gone, and whoever reads the queue next gives the dead owner's messages back.
    """

    def __init__(self, url: str, queue: str, prefetch: int) -> None:
        """Connect; raises SubscriptionCancelledError without such a queue, BrokerUnavailableError."""
        self._queue = queue
        self._prefetch = prefetch
        self._held: dict[int, int] = {}  # tag → row id, oldest first
        self._last_tag = 0
        self._is_cancelled = False
        self._next_look = 0.0
        self._session = open_session(url, "subscription")
        with unavailable(f"cannot consume {queue}"), self._session.cursor() as cursor:
            # Losing the last acknowledgements in a crash means a redelivery, which may happen anyway.
            cursor.execute("SET synchronous_commit = off")
            self._routes: Routes = load_routes(cursor)
            if queue not in self._routes.queues:
                close_session(self._session)
                raise SubscriptionCancelledError(f"cannot consume {queue}: no such queue")
            cursor.execute("SELECT nextval('broker.owner')::integer")
            (self._owner,) = cursor.fetchone() or (0,)
            cursor.execute("SELECT pg_advisory_lock(%s, %s)", (OWNER_LOCK_CLASS, self._owner))
            cursor.execute(f'LISTEN "{channel_of(queue)}"')

    def receive(self, limit: int, wait_seconds: float) -> list[Delivery]:
        """Up to `limit` deliveries, oldest first; see the Subscription port."""
        deadline = time.monotonic() + wait_seconds
        while True:
            found = self._take(limit)
            rest = deadline - time.monotonic()
            if found or rest <= 0:
                return found
            self._wait(min(rest, max(0.0, self._next_look - time.monotonic())))

    def ack(self, delivery: Delivery, multiple: bool = False) -> None:
        """Delete the row, with `multiple` all rows handed out up to it; an unknown tag ends the subscription."""
        if delivery.tag not in self._held:
            self.close()
            raise BrokerUnavailableError(f"channel of {self._queue} closed: unknown delivery tag {delivery.tag}")
        tags = [tag for tag in self._held if tag <= delivery.tag] if multiple else [delivery.tag]
        ids = [self._held.pop(tag) for tag in tags]
        with unavailable(f"cannot acknowledge on {self._queue}"), self._session.cursor() as cursor:
            cursor.execute("DELETE FROM broker.message WHERE id = ANY (%s) AND owner = %s", (ids, self._owner))

    def waiting(self) -> int:
        """Ready messages of the queue."""
        with unavailable(f"cannot count {self._queue}"), self._session.cursor() as cursor:
            return ready_count(cursor, self._queue)

    def cancel(self) -> None:
        """Take no more."""
        self._is_cancelled = True

    def tick(self) -> None:
        """Notice a server that has gone."""
        keep_alive(self._session)

    def close(self) -> None:
        """Give back what is not acknowledged and close the connection."""
        with contextlib.suppress(psycopg2.Error), self._session, self._session.cursor() as cursor:
            if self._held:
                routes = load_routes(cursor, self._routes)
                notify(cursor, routes, give_back(cursor, routes, self._queue, self._owner))
        self._held.clear()
        close_session(self._session)

    def _take(self, limit: int) -> list[Delivery]:
        keep_alive(self._session)
        was_woken = bool(self._session.notifies)
        self._session.notifies.clear()
        if self._is_cancelled:
            return []
        with unavailable(f"connection of {self._queue} lost"), self._session.cursor() as cursor:
            if time.monotonic() >= self._next_look:
                self._look_after_others()
            free = min(limit, self._prefetch - len(self._held))
            rows = take(cursor, self._queue, self._owner, free) if free > 0 else []
            if was_woken and not rows:
                self._look_after_others()  # a rung got a message: note when it is due
        return [self._hand_out(row) for row in rows]

    def _hand_out(self, row: Row) -> Delivery:
        self._last_tag += 1
        self._held[self._last_tag] = row.id
        message = row.message
        if row.delivery_count:
            message = replace(message, headers={**message.headers, "x-delivery-count": row.delivery_count})
        return Delivery(message, self._last_tag, row.delivery_count > 0, self._queue, row.delivery_count)

    def _look_after_others(self) -> None:
        """Move what has expired, return what dead owners hold, and note when to look again."""
        with self._session, self._session.cursor() as cursor:
            self._routes = load_routes(cursor, self._routes)
            touched = expire(cursor, self._routes)
            cursor.execute(
                "SELECT DISTINCT owner FROM broker.message WHERE queue = %s AND owner IS NOT NULL AND owner <> %s",
                (self._queue, self._owner),
            )
            for (owner,) in cursor.fetchall():
                cursor.execute("SELECT pg_try_advisory_xact_lock(%s, %s)", (OWNER_LOCK_CLASS, owner))
                if (cursor.fetchone() or (False,))[0]:
                    touched |= give_back(cursor, self._routes, self._queue, owner)
            due = seconds_until_due(cursor)
        if touched:
            with self._session.cursor() as cursor:
                notify(cursor, self._routes, touched)
        pause = LOOK_EVERY_SECONDS if due is None else min(LOOK_EVERY_SECONDS, max(due, _SHORTEST_LOOK_SECONDS))
        self._next_look = time.monotonic() + pause

    def _wait(self, seconds: float) -> None:
        if not self._session.notifies:
            select.select([self._session], [], [], seconds)
