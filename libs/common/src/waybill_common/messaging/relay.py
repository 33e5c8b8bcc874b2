"""The only publisher of a service: takes the outbox in order, publishes with confirms, forgets what is confirmed."""

from __future__ import annotations

import threading
import time
from contextlib import closing
from dataclasses import dataclass

import psycopg2

from waybill_common.database import CHANNEL_OUTBOX, Listener
from waybill_common.health import Tick
from waybill_common.messaging.backoff import Backoff, jittered
from waybill_common.messaging.batch_sizer import BatchSizer
from waybill_common.messaging.broker import (
    Broker,
    BrokerError,
    BrokerUnavailableError,
    Outgoing,
    PublishBlockedError,
    Publisher,
    PublishNackedError,
    PublishRefusedError,
    PublishReturnedError,
    PublishTimeoutError,
)
from waybill_common.messaging.errors import EventTooLargeError
from waybill_common.messaging.events import build_message
from waybill_common.messaging.metrics import RelayMetrics
from waybill_common.messaging.outbox import OutboxRow, OutboxSession
from waybill_common.messaging.spans import Publishing
from waybill_common.messaging.topology import EVENTS_EXCHANGE, WAYBILL_TOPOLOGY, Topology, is_bound
from waybill_common.telemetry import fault_point, get_logger

_log = get_logger(__name__)

# What `outbox_publish_total` calls a failed batch; the rows stay and are tried again.
_OUTCOMES: tuple[tuple[type[BrokerError], str], ...] = (
    (PublishBlockedError, "blocked"),
    (PublishNackedError, "nacked"),
    (PublishReturnedError, "returned"),
    (PublishRefusedError, "refused"),
    (PublishTimeoutError, "timeout"),
    (BrokerUnavailableError, "unavailable"),
)
_NO_SUCH_EXCHANGE = 404


@dataclass(frozen=True, kw_only=True)
class RelayOptions:
    """Sizes and waits of a relay, in rows and seconds."""

    batch: int = 200
    window: int = 4  # batches of one transaction; what a kill may publish twice
    poll_seconds: float = 1.0
    backoff_first_seconds: float = 0.1
    backoff_most_seconds: float = 5.0
    topology: Topology = WAYBILL_TOPOLOGY


class Relay:
    """Publishes the events of one service's database; run as many as you like, one is active at a time.

    Duplicates are certain (a kill between confirm and commit); loss is not possible while PostgreSQL keeps its
    commits, because nothing is remembered outside of it: no cursor, no queue in memory, no state column.
    """

    def __init__(
        self, url: str, broker: Broker, producer: str, metrics: RelayMetrics, options: RelayOptions | None = None
    ) -> None:
        self._url = url
        self._broker = broker
        self._producer = producer
        self._metrics = metrics
        self._options = options or RelayOptions()
        self._sizer = BatchSizer(self._options.batch)
        self._backoff = Backoff(self._options.backoff_first_seconds, self._options.backoff_most_seconds)
        self._next_report = 0.0
        self.tick = Tick(limit_seconds=90.0)  # three heartbeats; a confirm is awaited for 20 s at most

    def run(self, stop: threading.Event) -> None:
        """Lead, or stand by, until `stop`; the batch in hand is confirmed and committed, then the lock is let go."""
        with closing(Listener(self._url, [CHANNEL_OUTBOX], f"{self._producer}-relay")) as listener:
            while not stop.is_set():
                try:
                    with closing(OutboxSession(self._url, self._producer, self._metrics.statements)) as session:
                        self._serve(session, listener, stop)
                except psycopg2.Error as error:
                    _log.warning("relay_session_lost", error=str(error).strip())
                    self._pause(stop)
                finally:
                    self._metrics.leader.set(0)

    def _serve(self, session: OutboxSession, listener: Listener, stop: threading.Event) -> None:
        while not session.try_lead():
            self._report(session)
            if stop.wait(jittered(self._options.poll_seconds)):
                return
        _log.info("relay_leads", producer=self._producer)
        self._metrics.leader.set(1)
        while not stop.is_set():
            try:
                self._broker.declare(self._options.topology)
                with closing(self._broker.publisher()) as publisher:
                    self._pump(session, publisher, listener, stop)
            except BrokerError as error:
                self._note_failure(error)
                self._report(session)
                self._pause(stop)

    def _pump(self, session: OutboxSession, publisher: Publisher, listener: Listener, stop: threading.Event) -> None:
        """Cycle on one publisher until it fails or `stop`; after a full batch without sleeping."""
        while not stop.is_set():
            publisher.tick()
            self._report(session)
            self._metrics.blocked.set(publisher.blocked)
            if publisher.blocked:
                # Claim nothing while the broker asks for patience: its alarm would hold the rows and the transaction.
                stop.wait(jittered(self._options.poll_seconds))
                continue
            try:
                is_full = self._cycle(session, publisher)
            except PublishBlockedError as error:
                self._note_failure(error)
                continue
            if not is_full:
                listener.wait(jittered(self._options.poll_seconds), publisher.fileno())

    def _cycle(self, session: OutboxSession, publisher: Publisher) -> bool:
        """Move one window of batches; True when its last was a full one, so that more may wait.

        The next batch is claimed and built while the broker still writes the one before; all are confirmed before the
        one commit. A window is one batch while a row is searched that the broker refuses.
        """
        limit, window = self._sizer.limit, 1 if self._sizer.is_searching else self._options.window
        taken: list[int] = []
        sent: list[int] = []
        try:
            with session.claiming(), Publishing(self._broker.system) as publishing:
                for _ in range(window):
                    rows = session.claim(limit)
                    batch = self._prepare(session, rows)
                    taken += [row.position for row in rows]
                    sent += batch
                    if batch:
                        publishing.sent(batch.values())
                        publisher.send(list(batch.values()))
                    if len(rows) < limit:
                        break
                if sent:
                    with self._metrics.confirm_seconds.time():
                        publisher.wait(while_blocked=False)
                fault_point("relay.after_confirm")
        except PublishRefusedError as error:
            if error.code != _NO_SUCH_EXCHANGE:  # a missing exchange says nothing about the message
                self._suspect(session, sent, error)
            raise
        self._sizer.taken(taken)
        self._count(len(sent))
        return len(rows) == limit

    def _prepare(self, session: OutboxSession, rows: list[OutboxRow]) -> dict[int, Outgoing]:
        """What to publish, by position; rows that can never be published are put aside here and now."""
        batch: dict[int, Outgoing] = {}
        for row in rows:
            if row.event is None:
                self._bury_claimed(session, row.position, "no event at this position")
            elif not is_bound(row.event.type):
                # It would end in the unrouted queue; once a queue is bound, history is replayed by inserting positions.
                self._metrics.published.labels("unbound").inc()
            else:
                try:
                    batch[row.position] = Outgoing(EVENTS_EXCHANGE, row.event.type, build_message(row.event))
                except (EventTooLargeError, ValueError) as error:
                    self._bury_claimed(session, row.position, str(error))
        return batch

    def _bury_claimed(self, session: OutboxSession, position: int, error: str) -> None:
        session.bury_claimed(position, error)
        self._metrics.published.labels("dead").inc()
        _log.error("outbox_row_dead", position=position, error=error)

    def _suspect(self, session: OutboxSession, positions: list[int], error: PublishRefusedError) -> None:
        guilty = self._sizer.refused(positions)
        if guilty is not None:
            session.bury(guilty, str(error))
            self._metrics.published.labels("dead").inc()
            _log.error("outbox_row_dead", position=guilty, error=str(error))

    def _count(self, published: int) -> None:
        self._backoff.reset()
        if published:
            self._metrics.published.labels("confirmed").inc(published)
            self._metrics.sent.labels(EVENTS_EXCHANGE).inc(published)

    def _note_failure(self, error: BrokerError) -> None:
        outcome = next((name for kind, name in _OUTCOMES if isinstance(error, kind)), "error")
        self._metrics.published.labels(outcome).inc()
        _log.warning("relay_publish_failed", outcome=outcome, error=str(error))

    def _pause(self, stop: threading.Event) -> None:
        self.tick.touch()
        stop.wait(self._backoff.next_seconds())

    def _report(self, session: OutboxSession) -> None:
        """Refresh the gauges about once a second, which also keeps the session from idling out."""
        self.tick.touch()
        if time.monotonic() < self._next_report:
            return
        backlog = session.backlog()
        self._metrics.oldest_age_seconds.set(backlog.oldest_age_seconds)
        self._metrics.pending.set(backlog.depth)
        self._metrics.dead.set(backlog.dead)
        self._next_report = time.monotonic() + 1.0
