"""Publishes copies of messages on a connection apart from the one that reads: a blocked one would stop the acks too."""

from __future__ import annotations

import time

from waybill_common.messaging.broker import Broker, BrokerError, Outgoing, Publisher
from waybill_common.messaging.topology import Topology

_IDLE_SECONDS = 10.0  # well below a heartbeat, so that an idle connection needs no care


class Copier:
    """A publisher that opens when it is needed and closes when it has not been for a while; for one thread alone."""

    def __init__(self, broker: Broker, topology: Topology) -> None:
        self.system = broker.system
        self._broker = broker
        self._topology = topology
        self._publisher: Publisher | None = None
        self._used_at = 0.0

    def publish(self, outgoing: Outgoing) -> None:
        """Return once the broker holds the copy; raises BrokerError, then try again."""
        try:
            if self._publisher is None:
                self._broker.declare(self._topology)
                self._publisher = self._broker.publisher()
            self._publisher.publish([outgoing])
        except BrokerError:
            self.close()
            raise
        self._used_at = time.monotonic()

    def rest(self) -> None:
        """Close the connection when it has been idle for long enough."""
        if self._publisher is not None and time.monotonic() - self._used_at > _IDLE_SECONDS:
            self.close()

    def close(self) -> None:
        """Close the connection; the next publish opens another."""
        publisher, self._publisher = self._publisher, None
        if publisher is not None:
            publisher.close()
