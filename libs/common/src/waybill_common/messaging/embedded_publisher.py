"""Publishing to the embedded broker: confirmed means that the row for each bound queue is committed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import psycopg2

from waybill_common.messaging.broker import (
    BrokerUnavailableError,
    Message,
    Outgoing,
    PublishNackedError,
    PublishRefusedError,
    PublishReturnedError,
)
from waybill_common.messaging.embedded_routes import Routes, UnknownExchangeError, load_routes
from waybill_common.messaging.embedded_rows import notify, ready_count, store
from waybill_common.messaging.embedded_session import close_session, keep_alive, open_session, unavailable

_NOT_FOUND = 404
_CANNOT_BE_STORED = 501


class EmbeddedPublisher:
    """One connection to the broker's database; for one thread alone."""

    def __init__(self, url: str) -> None:
        """Connect; raises BrokerUnavailableError."""
        self._session = open_session(url, "publisher")
        self._routes: Routes | None = None
        self._is_refused = False

    @property
    def blocked(self) -> bool:
        """Never: what cannot be stored fails."""
        return False

    def publish(self, batch: Sequence[Outgoing]) -> None:
        """Send, which here is all; see the Publisher port for the errors."""
        self.send(batch)

    def wait(self, *, while_blocked: bool = True) -> None:
        """Nothing to wait for: what `send` returned from is committed, whatever `while_blocked` says."""

    def send(self, batch: Sequence[Outgoing]) -> None:
        """Store all in one transaction, then wake the subscriptions."""
        if self._is_refused:
            raise BrokerUnavailableError("the publisher is of no more use after it was refused")
        message_ids = [outgoing.message.message_id for outgoing in batch]
        try:
            with unavailable("connection lost while publishing"):
                returned, nacked = self._store(batch)
        except UnknownExchangeError as error:
            self._is_refused = True
            raise PublishRefusedError(_NOT_FOUND, f"no exchange {str(error)!r}", message_ids) from error
        if nacked:
            raise PublishNackedError(f"a full queue refused {len(nacked)} of {len(batch)}", nacked)
        if returned:
            raise PublishReturnedError(f"{len(returned)} of {len(batch)} reached no queue", returned)

    def fileno(self) -> int:
        """The socket's descriptor; raises BrokerUnavailableError when the connection is closed."""
        if self._session.closed:
            raise BrokerUnavailableError("the publisher's connection is closed")
        return int(self._session.fileno())

    def tick(self) -> None:
        """Notice a server that has gone."""
        keep_alive(self._session)

    def close(self) -> None:
        """Close the connection."""
        close_session(self._session)

    def _store(self, batch: Sequence[Outgoing]) -> tuple[list[str], list[str]]:
        """Ids of the messages that reached no queue, and of those a full queue refused; the others are committed."""
        returned: list[str] = []
        nacked: list[str] = []
        placed: list[tuple[str, Message]] = []
        with self._session, self._session.cursor() as cursor:
            routes = self._routes = load_routes(cursor, self._routes)
            room = _Room(cursor, routes)
            for outgoing in batch:
                message = replace(outgoing.message, routing_key=outgoing.routing_key)
                queues = routes.route(outgoing.exchange, outgoing.routing_key)
                if not queues:
                    returned.append(message.message_id)
                elif room.is_full(queues):
                    nacked.append(message.message_id)
                else:
                    placed += [(queue, message) for queue in queues]
            try:
                touched = store(cursor, routes, placed) if placed else set()
            except (psycopg2.DataError, ValueError) as error:  # a NUL character in a text, a value out of range
                self._is_refused = True
                ids = [outgoing.message.message_id for outgoing in batch]
                raise PublishRefusedError(_CANNOT_BE_STORED, f"cannot be stored: {error}", ids) from error
        # After the commit: NOTIFY takes a lock of the whole server until its transaction ends. A publisher that dies
        # here costs a second, since subscriptions also look by themselves.
        if touched:
            with self._session.cursor() as cursor:
                notify(cursor, routes, touched)
        return returned, nacked


class _Room:
    """How many messages the queues that refuse when full still take, counted once per batch."""

    def __init__(self, cursor: object, routes: Routes) -> None:
        self._cursor = cursor
        self._routes = routes
        self._left: dict[str, int] = {}

    def is_full(self, queues: tuple[str, ...]) -> bool:
        """One of `queues` takes no more; else one place in each is used up."""
        limited = [queue for queue in queues if self._limit(queue) is not None]
        for queue in limited:
            if queue not in self._left:
                self._left[queue] = (self._limit(queue) or 0) - ready_count(self._cursor, queue)
        if any(self._left[queue] <= 0 for queue in limited):
            return True
        for queue in limited:
            self._left[queue] -= 1
        return False

    def _limit(self, queue: str) -> int | None:
        if self._routes.queues[queue].arguments.get("x-overflow") != "reject-publish":
            return None
        return self._routes.number(queue, "x-max-length")
