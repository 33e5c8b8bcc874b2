"""Exchanges, queues, retry rungs and bindings as data, declared alike by every process and by both brokers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from types import MappingProxyType
from typing import Literal

EVENTS_EXCHANGE = "waybill.events"
UNROUTED = "waybill.unrouted"  # exchange and queue share the name
DEAD_LETTER_EXCHANGE = "waybill.dlx"
DEFAULT_EXCHANGE = ""

Argument = str | int
ExchangeKind = Literal["topic", "fanout", "direct"]


@dataclass(frozen=True, slots=True)
class Exchange:
    """A durable exchange."""

    name: str
    kind: ExchangeKind
    arguments: Mapping[str, Argument] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Queue:
    """A durable quorum queue."""

    name: str
    arguments: Mapping[str, Argument] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Binding:
    """`queue` gets what `exchange` sees with a routing key that matches `pattern`."""

    exchange: str
    queue: str
    pattern: str


@dataclass(frozen=True, slots=True)
class Topology:
    """Everything a broker needs to know before the first message."""

    exchanges: tuple[Exchange, ...]
    queues: tuple[Queue, ...]
    bindings: tuple[Binding, ...]


@dataclass(frozen=True, slots=True)
class RetryRung:
    """One step of the retry ladder: a queue without consumer whose messages return to the main queue by time."""

    name: str
    ttl_ms: int

    def queue_of(self, queue: str) -> str:
        """The rung's queue for the main queue `queue`."""
        return f"{queue}.retry.{self.name}"


RETRY_RUNGS = (RetryRung("5s", 5_000), RetryRung("1m", 60_000), RetryRung("10m", 600_000))

SUBSCRIPTIONS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "notifier.events.v1": (
            "orders.#",
            "auth.user.#",
            "auth.mail.#",
            "auth.session.#",
            "auth.mfa.#",
            "auth.password.#",
        ),
        "orders.events.v1": ("auth.user.#", "auth.session.#"),
    }
)


@dataclass(frozen=True, slots=True)
class TopologyOptions:
    """What an environment may tune: rung times (ms by rung name), delivery limit, size of the unrouted queue."""

    rung_ttl_ms: Mapping[str, int] = field(default_factory=dict)
    delivery_limit: int = 20
    unrouted_max_length: int = 10_000


def dead_letter_queue(queue: str) -> str:
    """The queue that collects what `queue` gave up on."""
    return f"{queue}.dlq"


def build_topology(
    subscriptions: Mapping[str, Sequence[str]] = SUBSCRIPTIONS, options: TopologyOptions | None = None
) -> Topology:
    """The topology for `subscriptions`: main queue name → patterns it is bound with.

    Arguments cannot change on a live queue, so another value here needs another queue name (the version suffix).
    """
    options = options or TopologyOptions()
    exchanges = (
        Exchange(EVENTS_EXCHANGE, "topic", {"alternate-exchange": UNROUTED}),
        Exchange(UNROUTED, "fanout"),
        Exchange(DEAD_LETTER_EXCHANGE, "direct"),
    )
    queues = [Queue(UNROUTED, {"x-max-length": options.unrouted_max_length, "x-overflow": "drop-head"})]
    bindings = [Binding(UNROUTED, UNROUTED, "")]
    for name, patterns in subscriptions.items():
        queues += _ladder_of(name, options)
        bindings += [Binding(EVENTS_EXCHANGE, name, pattern) for pattern in patterns]
        bindings.append(Binding(DEAD_LETTER_EXCHANGE, dead_letter_queue(name), name))
    return Topology(exchanges, tuple(queues), tuple(bindings))


def _ladder_of(name: str, options: TopologyOptions) -> list[Queue]:
    """The main queue `name`, its rungs and its dead-letter queue."""
    # At-least-once dead lettering demands reject-publish: the broker falls back to at-most-once in silence otherwise.
    safely: dict[str, Argument] = {"x-dead-letter-strategy": "at-least-once", "x-overflow": "reject-publish"}
    main: dict[str, Argument] = {
        "x-delivery-limit": options.delivery_limit,
        "x-dead-letter-exchange": DEAD_LETTER_EXCHANGE,
        "x-dead-letter-routing-key": name,
    }
    rungs = [
        Queue(
            rung.queue_of(name),
            {
                "x-message-ttl": options.rung_ttl_ms.get(rung.name, rung.ttl_ms),
                "x-dead-letter-exchange": DEFAULT_EXCHANGE,
                "x-dead-letter-routing-key": name,
                **safely,
            },
        )
        for rung in RETRY_RUNGS
    ]
    return [Queue(name, {**main, **safely}), *rungs, Queue(dead_letter_queue(name))]


WAYBILL_TOPOLOGY = build_topology()


def topic_matches(pattern: str, routing_key: str) -> bool:
    """AMQP topic rule: words are parted by dots, `*` is exactly one word, `#` is any number of words, none included."""
    return _words_match(_words(pattern), _words(routing_key))


def _words(key: str) -> tuple[str, ...]:
    return tuple(key.split(".")) if key else ()


def _words_match(pattern: tuple[str, ...], words: tuple[str, ...]) -> bool:
    # One row of the classic table per pattern word: `reachable[i]` = the pattern so far can eat the first i words.
    # Recursion would be exponential for patterns with many `#`.
    reachable = [True] + [False] * len(words)
    for part in pattern:
        if part == "#":
            first = reachable.index(True) if True in reachable else len(reachable)
            reachable = [i >= first for i in range(len(words) + 1)]
        else:
            reachable = [False] + [reachable[i] and part in {"*", word} for i, word in enumerate(words)]
    return reachable[-1]


@lru_cache(maxsize=1024)
def is_bound(event_type: str) -> bool:
    """Some queue of WAYBILL_TOPOLOGY gets events of `event_type` ("orders.order.placed")."""
    return any(
        binding.exchange == EVENTS_EXCHANGE and topic_matches(binding.pattern, event_type)
        for binding in WAYBILL_TOPOLOGY.bindings
    )
