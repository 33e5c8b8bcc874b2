"""What Waybill asks of a message broker: the port that RabbitMQ and the embedded broker both fill."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from waybill_common.messaging.topology import Topology

CONTENT_TYPE = "application/cloudevents+json; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Message:
    """One message: a self-contained body with the properties that travel beside it.

    `routing_key` is the key it was last published with: after a rung or a dead-letter exchange it is the main queue's
    name, as in AMQP, so read `type` to know what it is about. `timestamp` is in whole seconds since 1970; header values
    are str, int, bool, or what a broker added (lists and tables).
    """

    routing_key: str
    body: bytes
    message_id: str
    headers: Mapping[str, Any] = field(default_factory=dict)
    type: str = ""
    timestamp: int | None = None
    app_id: str = ""
    content_type: str = CONTENT_TYPE


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message and where it goes; exchange `""` is the default exchange, whose routing key is a queue's name."""

    exchange: str
    routing_key: str
    message: Message


@dataclass(frozen=True, slots=True)
class Delivery:
    """A message handed to one subscription; `tag` means something to that subscription alone.

    `delivery_count` says how often it was handed out before (0 the first time); a reconnect counts too.
    """

    message: Message
    tag: int
    redelivered: bool
    queue: str
    delivery_count: int = 0


class BrokerError(Exception):
    """Base of everything a broker can answer that is not success."""


class PublishError(BrokerError):
    """A batch was not confirmed as a whole: any part of it may have arrived, so publish all of it again."""

    def __init__(self, text: str, message_ids: Sequence[str] = ()) -> None:
        super().__init__(text)
        self.message_ids = tuple(message_ids)


class PublishNackedError(PublishError):
    """The broker said no to the messages named (a full queue, a failed queue process)."""


class PublishReturnedError(PublishError):
    """The messages named reached no queue and came back (the exchange has no alternate exchange)."""


class PublishBlockedError(PublishError):
    """The broker asks publishers to wait; the publisher stays good, and late confirms are passed over."""


class PublishTimeoutError(PublishError):
    """Not every confirm came in time; the publisher is closed, because late confirms would be taken for new ones."""


class PublishRefusedError(PublishError):
    """The broker closed the channel over what was published: no such exchange (404), too large (406, 501).

    Alone in its batch, `code` therefore speaks of that very message.
    """

    def __init__(self, code: int, text: str, message_ids: Sequence[str] = ()) -> None:
        super().__init__(f"the broker closed the channel: {code} {text}", message_ids)
        self.code = code


class BrokerUnavailableError(BrokerError):
    """The broker cannot be reached, or the connection broke: make a new publisher or subscription."""


class SubscriptionCancelledError(BrokerUnavailableError):
    """The broker ended the subscription (queue deleted or moved): declare again and subscribe again."""


class TopologyMismatchError(BrokerError):
    """A queue or exchange lives with other arguments than the code declares; the text names the argument."""


class Publisher(Protocol):
    """One connection that publishes; for one thread alone."""

    def publish(self, batch: Sequence[Outgoing]) -> None:
        """`send` and `wait`: return when the broker holds every message safely."""
        ...

    def send(self, batch: Sequence[Outgoing]) -> None:
        """Hand over `batch` in order, without waiting for its confirms; call `wait` before what was sent counts.

        Raises what `wait` raises.
        """
        ...

    def wait(self, *, while_blocked: bool = True) -> None:
        """Return when the broker holds every message safely that was sent since the last `wait`.

        Raises PublishNackedError, PublishReturnedError, PublishRefusedError, PublishTimeoutError or
        BrokerUnavailableError; then any part of what was sent may have arrived. With `while_blocked=False` it raises
        PublishBlockedError as soon as the broker asks for patience. After an error other than nacked, returned or
        blocked the publisher is of no more use.
        """
        ...

    @property
    def blocked(self) -> bool:
        """The broker asks publishers to wait (memory or disk alarm)."""
        ...

    def fileno(self) -> int:
        """The socket to `select` on between batches; when readable, call `tick`."""
        ...

    def tick(self) -> None:
        """Answer heartbeats and notice alarms without blocking; raises BrokerUnavailableError."""
        ...

    def close(self) -> None:
        """Close the connection; never raises because the broker is gone already."""
        ...


class Subscription(Protocol):
    """One connection that reads one queue; for one thread alone."""

    def receive(self, limit: int, wait_seconds: float) -> list[Delivery]:
        """Up to `limit` messages in queue order; waits at most `wait_seconds` for the first one, then may give none.

        Raises BrokerUnavailableError or SubscriptionCancelledError; what was not acknowledged comes again elsewhere.
        """
        ...

    def ack(self, delivery: Delivery, multiple: bool = False) -> None:
        """Forget `delivery`, and with `multiple` everything this subscription received before it."""
        ...

    def waiting(self) -> int:
        """Messages of the queue that are ready, asked over this connection; raises as `receive` does."""
        ...

    def cancel(self) -> None:
        """Ask for no more; what was received can still be acknowledged."""
        ...

    def tick(self) -> None:
        """Answer heartbeats while the messages are held without being read; raises BrokerUnavailableError."""
        ...

    def close(self) -> None:
        """Give back what is not acknowledged; cut, do not negotiate, so that the queue keeps its order."""
        ...


class Broker(Protocol):
    """A place to declare queues, publish and subscribe; safe to share, since each call opens its own connection.

    `system` is its name in traces: OpenTelemetry's `messaging.system`.
    """

    system: str

    def declare(self, topology: Topology) -> None:
        """Make the exchanges, queues and bindings that are missing.

        Raises TopologyMismatchError where one lives with other arguments, BrokerUnavailableError.
        """
        ...

    def publisher(self) -> Publisher:
        """A new publisher on its own connection; raises BrokerUnavailableError."""
        ...

    def subscribe(self, queue: str, prefetch: int) -> Subscription:
        """A new subscription on its own connection, holding at most `prefetch` unacknowledged messages."""
        ...

    def depth(self, queue: str) -> int:
        """Messages of `queue` that are ready to be delivered; raises BrokerUnavailableError."""
        ...
