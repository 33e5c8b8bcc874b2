"""Where the embedded broker puts a message: exchanges, bindings, alternate exchanges, as AMQP defines them."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import Any

from waybill_common.messaging.topology import DEFAULT_EXCHANGE, Binding, Exchange, Queue, Topology, topic_matches


class UnknownExchangeError(Exception):
    """There is no exchange of that name; RabbitMQ closes the channel with 404."""


@dataclass(frozen=True, slots=True)
class DeadLetterRoute:
    """The key a dead letter gets and the queues it reaches; dropped when its queue has no dead-letter exchange."""

    routing_key: str
    queues: tuple[str, ...]
    is_dropped: bool


class Routes:
    """An immutable picture of what is declared, with its answers remembered."""

    def __init__(self, version: int, topology: Topology) -> None:
        self.version = version
        self.queues = {queue.name: queue for queue in topology.queues}
        self._exchanges = {exchange.name: exchange for exchange in topology.exchanges}
        self._bindings: dict[str, list[Binding]] = defaultdict(list)
        for binding in topology.bindings:
            self._bindings[binding.exchange].append(binding)
        self._answers: dict[tuple[str, str], tuple[str, ...]] = {}

    def route(self, exchange: str, routing_key: str) -> tuple[str, ...]:
        """The queues that get the message, each once, none when it is unroutable; raises UnknownExchangeError."""
        found = self._answers.get((exchange, routing_key))
        if found is None:
            found = tuple(dict.fromkeys(self._find(exchange, routing_key, frozenset())))
            self._answers[exchange, routing_key] = found
        return found

    def dead_letter_route(self, queue: str, routing_key: str) -> DeadLetterRoute:
        """Where `queue` sends what it gives up on."""
        arguments = self.queues[queue].arguments
        exchange = arguments.get("x-dead-letter-exchange")
        key = str(arguments.get("x-dead-letter-routing-key", routing_key))
        if exchange is None:
            return DeadLetterRoute(key, (), is_dropped=True)
        try:
            return DeadLetterRoute(key, self.route(str(exchange), key), is_dropped=False)
        except UnknownExchangeError:
            return DeadLetterRoute(key, (), is_dropped=False)

    def number(self, queue: str, argument: str) -> int | None:
        """A numeric argument of `queue`."""
        value = self.queues[queue].arguments.get(argument)
        return None if value is None else int(value)

    def _find(self, name: str, routing_key: str, seen: frozenset[str]) -> list[str]:
        if name == DEFAULT_EXCHANGE:
            return [routing_key] if routing_key in self.queues else []
        if name not in self._exchanges:
            raise UnknownExchangeError(name)
        exchange = self._exchanges[name]
        queues = [binding.queue for binding in self._bindings[name] if _matches(exchange, binding, routing_key)]
        alternate = exchange.arguments.get("alternate-exchange")
        if queues or alternate is None or alternate in seen:
            return queues
        return self._find(str(alternate), routing_key, seen | {name})


def _matches(exchange: Exchange, binding: Binding, routing_key: str) -> bool:
    if exchange.kind == "fanout":
        return True
    if exchange.kind == "direct":
        return binding.pattern == routing_key
    return topic_matches(binding.pattern, routing_key)


def load_routes(cursor: Any, known: Routes | None = None) -> Routes:
    """What is declared now; `known` itself when nothing changed since."""
    cursor.execute("SELECT version FROM broker.topology")
    (version,) = cursor.fetchone()
    if known is not None and known.version == version:
        return known
    cursor.execute("SELECT name, kind, arguments FROM broker.exchange")
    exchanges = tuple(Exchange(*row) for row in cursor.fetchall())
    cursor.execute("SELECT name, arguments FROM broker.queue")
    queues = tuple(Queue(*row) for row in cursor.fetchall())
    cursor.execute("SELECT exchange, queue, pattern FROM broker.binding")
    bindings = tuple(Binding(*row) for row in cursor.fetchall())
    return Routes(version, Topology(exchanges, queues, bindings))
