"""A broker that misbehaves on demand, so that code which passes on the embedded one also survives a real one."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from waybill_common.messaging.broker import (
    Broker,
    BrokerUnavailableError,
    Delivery,
    Outgoing,
    Publisher,
    PublishNackedError,
    Subscription,
)
from waybill_common.messaging.topology import Topology


@dataclass
class Faults:
    """What goes wrong next; counters run down to nought, flags stay until changed. Safe to set from another thread.

    `lose_confirms`: the batch is stored and the connection breaks before the confirms; `duplicates`: batches stored
    twice; `lost_acks`: the connection breaks before the ack; `reorders`: receives that give redelivered messages last;
    `is_down`: nothing connects, everything breaks.
    """

    nacks: int = 0
    lost_publishes: int = 0
    lose_confirms: int = 0
    duplicates: int = 0
    lost_receives: int = 0
    lost_acks: int = 0
    reorders: int = 0
    is_blocked: bool = False
    is_down: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def strikes(self, name: str) -> bool:
        """Use up one fault of the counter `name`, if there is one left."""
        with self._lock:
            left = int(getattr(self, name))
            if left > 0:
                setattr(self, name, left - 1)
            return left > 0

    def check_up(self) -> None:
        """Raise BrokerUnavailableError while the broker is down."""
        if self.is_down:
            raise BrokerUnavailableError("the faulty broker is down")


class FaultyBroker:
    """`broker` with `faults`."""

    def __init__(self, broker: Broker, faults: Faults | None = None) -> None:
        self.system = broker.system
        self._broker = broker
        self.faults = faults or Faults()

    def declare(self, topology: Topology) -> None:
        """Declare, unless down."""
        self.faults.check_up()
        self._broker.declare(topology)

    def publisher(self) -> FaultyPublisher:
        """A publisher that shares the faults."""
        self.faults.check_up()
        return FaultyPublisher(self._broker.publisher(), self.faults)

    def subscribe(self, queue: str, prefetch: int) -> FaultySubscription:
        """A subscription that shares the faults."""
        self.faults.check_up()
        return FaultySubscription(self._broker.subscribe(queue, prefetch), self.faults)

    def depth(self, queue: str) -> int:
        """Ready messages, unless down."""
        self.faults.check_up()
        return self._broker.depth(queue)


class FaultyPublisher:
    """A publisher whose batches are nacked, lost, doubled, or confirmed into the void."""

    def __init__(self, publisher: Publisher, faults: Faults) -> None:
        self._publisher = publisher
        self._faults = faults

    @property
    def blocked(self) -> bool:
        """As told by the faults."""
        return self._faults.is_blocked or self._publisher.blocked

    def publish(self, batch: Sequence[Outgoing]) -> None:
        """Send, which waits."""
        self.send(batch)

    def wait(self, *, while_blocked: bool = True) -> None:
        """Nothing is left to wait for after `send`."""

    def send(self, batch: Sequence[Outgoing]) -> None:
        """Publish with the next fault."""
        self._faults.check_up()
        if self._faults.strikes("lost_publishes"):
            self.close()
            raise BrokerUnavailableError("the faulty broker lost the connection before the batch")
        if self._faults.strikes("nacks"):
            raise PublishNackedError("the faulty broker refused", [item.message.message_id for item in batch])
        self._publisher.publish(batch)
        if self._faults.strikes("duplicates"):
            self._publisher.publish(batch)
        if self._faults.strikes("lose_confirms"):
            self.close()
            raise BrokerUnavailableError("the faulty broker lost the connection before the confirms")

    def fileno(self) -> int:
        """The real socket."""
        return self._publisher.fileno()

    def tick(self) -> None:
        """Tick, unless down."""
        self._faults.check_up()
        self._publisher.tick()

    def close(self) -> None:
        """Close the real publisher."""
        self._publisher.close()


class FaultySubscription:
    """A subscription that loses its connection or changes the order of what comes again."""

    def __init__(self, subscription: Subscription, faults: Faults) -> None:
        self._subscription = subscription
        self._faults = faults
        self._handed_out: dict[int, Delivery] = {}  # our tag → the real delivery; tags rise in the order handed out
        self._last_tag = 0

    def receive(self, limit: int, wait_seconds: float) -> list[Delivery]:
        """Receive with the next fault."""
        self._faults.check_up()
        if self._faults.strikes("lost_receives"):
            self.close()
            raise BrokerUnavailableError("the faulty broker lost the connection while reading")
        found = self._subscription.receive(limit, wait_seconds)
        if len(found) > 1 and self._faults.strikes("reorders"):
            found = [*(item for item in found if not item.redelivered), *(item for item in found if item.redelivered)]
        return [self._hand_out(delivery) for delivery in found]

    def ack(self, delivery: Delivery, multiple: bool = False) -> None:
        """Acknowledge, unless down; a lost one loses the line."""
        self._faults.check_up()
        if self._faults.strikes("lost_acks"):
            self.close()
            raise BrokerUnavailableError("the faulty broker lost the connection before the ack")
        tags = [tag for tag in self._handed_out if tag <= delivery.tag] if multiple else [delivery.tag]
        for tag in tags:
            self._subscription.ack(self._handed_out.pop(tag))

    def waiting(self) -> int:
        """Count, unless down."""
        self._faults.check_up()
        return self._subscription.waiting()

    def cancel(self) -> None:
        """Cancel the real subscription."""
        self._subscription.cancel()

    def tick(self) -> None:
        """Tick, unless down."""
        self._faults.check_up()
        self._subscription.tick()

    def close(self) -> None:
        """Close the real subscription."""
        self._subscription.close()

    def _hand_out(self, delivery: Delivery) -> Delivery:
        self._last_tag += 1
        self._handed_out[self._last_tag] = delivery
        return replace(delivery, tag=self._last_tag)
