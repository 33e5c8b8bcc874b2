"""The broker's queues: how many messages wait in each, and whether anybody reads them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from waybill_cli.failures import UnreachableError

if TYPE_CHECKING:
    from collections.abc import Iterator


@dataclass(frozen=True)
class QueueState:
    """One declared queue: messages ready to be read, and open subscriptions; None where the queue is missing."""

    name: str
    ready: int | None
    consumers: int | None

    @property
    def wants_consumers(self) -> bool:
        """Whether a process should read it: rungs are left by time, and the unrouted queue by a person."""
        return ".retry." not in self.name and self.name != "waybill.unrouted"


def look_at_queues(amqp_url: str) -> list[QueueState]:
    """Every queue of the platform's topology as the broker has it now; raises UnreachableError."""
    from waybill_common.messaging.broker import BrokerError
    from waybill_common.messaging.topology import WAYBILL_TOPOLOGY

    if not amqp_url:
        raise UnreachableError("the broker is not named: set WAYBILL_AMQP_URL")
    names = [queue.name for queue in WAYBILL_TOPOLOGY.queues]
    look = _embedded if amqp_url.startswith("postgres") else _rabbit
    try:
        return list(look(amqp_url, names))
    except BrokerError as error:
        raise UnreachableError(f"the broker: {error}") from error


def _rabbit(url: str, names: list[str]) -> Iterator[QueueState]:
    """By passive declares, which any account may do that reads the queue; a missing queue closes the channel."""
    from pika.exceptions import ChannelClosedByBroker
    from waybill_common.messaging.rabbitmq_connection import close_politely, open_connection, unavailable

    connection = open_connection(url, "waybill-cli")
    try:
        with unavailable("cannot look at the queues"):
            for name in names:
                channel = connection.channel()
                try:
                    method = channel.queue_declare(name, passive=True).method
                except ChannelClosedByBroker:
                    yield QueueState(name, None, None)
                    continue
                channel.close()
                yield QueueState(name, int(method.message_count), int(method.consumer_count))
    finally:
        close_politely(connection)


# The embedded broker does not write down who reads which queue: the number is that of all subscriptions there are.
_EMBEDDED = """
    SELECT q.name,
           (SELECT count(*) FROM broker.message AS m WHERE m.queue = q.name AND m.owner IS NULL) AS ready,
           (SELECT count(*) FROM pg_stat_activity WHERE application_name = 'waybill-broker-subscription'
                AND datname = current_database()) AS subscriptions
    FROM broker.queue AS q
"""


def _embedded(url: str, names: list[str]) -> Iterator[QueueState]:
    from waybill_common.messaging.embedded_session import close_session, open_session, unavailable

    session = open_session(url, "waybill-cli")
    try:
        with unavailable("cannot look at the queues"), session.cursor() as cursor:
            cursor.execute(_EMBEDDED)
            found = {name: (int(ready), int(subscriptions)) for name, ready, subscriptions in cursor.fetchall()}
        for name in names:
            if name not in found:
                yield QueueState(name, None, None)
                continue
            ready, subscriptions = found[name]
            state = QueueState(name, ready, subscriptions)
            yield state if state.wants_consumers else QueueState(name, ready, 0)
    finally:
        close_session(session)
