"""RabbitMQ as Waybill's broker, through pika."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from pika.adapters.blocking_connection import BlockingChannel
from pika.exceptions import ChannelClosedByBroker

from waybill_common.messaging.broker import BrokerUnavailableError, TopologyMismatchError
from waybill_common.messaging.rabbitmq_connection import close_politely, open_connection, unavailable
from waybill_common.messaging.rabbitmq_publisher import CONFIRM_TIMEOUT_SECONDS, RabbitPublisher
from waybill_common.messaging.rabbitmq_subscription import RabbitSubscription
from waybill_common.messaging.topology import Topology

_PRECONDITION_FAILED = 406
_NOT_FOUND = 404


class RabbitBroker:
    """The broker behind an `amqp://` url; holds no connection itself."""

    system = "rabbitmq"

    def __init__(self, url: str, confirm_timeout_seconds: float = CONFIRM_TIMEOUT_SECONDS) -> None:
        self._url = url
        self._confirm_timeout_seconds = confirm_timeout_seconds

    def declare(self, topology: Topology) -> None:
        """Declare exchanges, queues, bindings; raises TopologyMismatchError, BrokerUnavailableError."""
        self._on_channel("waybill topology", lambda channel: _declare(channel, topology))

    def publisher(self) -> RabbitPublisher:
        """A publisher on a connection of its own."""
        return RabbitPublisher(self._url, self._confirm_timeout_seconds)

    def subscribe(self, queue: str, prefetch: int) -> RabbitSubscription:
        """A subscription on a connection of its own."""
        return RabbitSubscription(self._url, queue, prefetch)

    def depth(self, queue: str) -> int:
        """Ready messages of `queue`, by a passive declare."""
        answer = self._on_channel("waybill depth", lambda channel: channel.queue_declare(queue, passive=True))
        return int(answer.method.message_count)

    def _on_channel(self, purpose: str, work: Callable[[BlockingChannel], Any]) -> Any:
        connection = open_connection(self._url, purpose)
        try:
            with unavailable(purpose):
                return work(connection.channel())
        except ChannelClosedByBroker as error:
            if error.reply_code == _PRECONDITION_FAILED:
                raise TopologyMismatchError(_explain(error.reply_text)) from error
            raise BrokerUnavailableError(f"{purpose}: {error.reply_code} {error.reply_text}") from error
        finally:
            close_politely(connection)


def _declare(channel: BlockingChannel, topology: Topology) -> None:
    for exchange in topology.exchanges:
        channel.exchange_declare(exchange.name, exchange.kind, durable=True, arguments=dict(exchange.arguments))
    for queue in topology.queues:
        channel.queue_declare(queue.name, durable=True, arguments={"x-queue-type": "quorum", **queue.arguments})
    for binding in topology.bindings:
        channel.queue_bind(binding.queue, binding.exchange, routing_key=binding.pattern)


def _explain(reply: str) -> str:
    """What to do about a 406, naming the argument: arguments of a live queue cannot change."""
    found = re.search(r"inequivalent arg '(?P<argument>[^']+)' for (?P<what>\w+) '(?P<name>[^']+)'", reply)
    if not found:
        return reply
    what, name, argument = found["what"], found["name"], found["argument"]
    return (
        f"{what} {name!r} lives with another value of {argument!r} than this version declares. Arguments cannot change "
        f"on a live {what}: declare it under the next version suffix, drain the old one, then delete it. "
        f"The broker said: {reply}"
    )
