"""The relay and the consumer of a service as processes: settings in, signals obeyed, health and metrics on a port."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import sqlalchemy as sa
from prometheus_client import CollectorRegistry

from waybill_common.health import Check, HealthChecks, begin_process, run_process
from waybill_common.messaging.broker import Broker
from waybill_common.messaging.brokers import connect_broker
from waybill_common.messaging.consumer import ConsumerRunner
from waybill_common.messaging.drainer import DeadLetterDrainer, DrainerOptions
from waybill_common.messaging.handling import EventHandler
from waybill_common.messaging.metrics import ConsumerMetrics, RelayMetrics
from waybill_common.messaging.relay import Relay, RelayOptions
from waybill_common.messaging.settling import ConsumerOptions
from waybill_common.telemetry import process_registry

if TYPE_CHECKING:
    from waybill_common.settings import ServiceSettings


@dataclass(frozen=True, kw_only=True)
class ConsumerParts:
    """What the consumer of one queue is made of; `engine` serves the handler's transactions and the dead letters."""

    queue: str
    handler: EventHandler
    engine: sa.Engine
    broker: Broker
    registry: CollectorRegistry
    options: ConsumerOptions = field(default_factory=ConsumerOptions)


class Consumer:
    """The consumer of one queue with the drainer of its dead letters, for a process or a thread of the standalone."""

    def __init__(self, parts: ConsumerParts) -> None:
        metrics = ConsumerMetrics(parts.registry, parts.queue)
        self._engine = parts.engine
        self._runner = ConsumerRunner(
            parts.broker, parts.queue, parts.handler, metrics=metrics, probe=self._probe, options=parts.options
        )
        options = DrainerOptions(
            poll_seconds=parts.options.poll_seconds,
            pause_first_seconds=parts.options.pause_first_seconds,
            pause_most_seconds=parts.options.pause_most_seconds,
            longest_pause_seconds=parts.options.longest_pause_seconds,
            topology=parts.options.topology,
        )
        self._drainer = DeadLetterDrainer(parts.broker, parts.engine, parts.queue, metrics, options)

    def live_checks(self) -> Mapping[str, Check]:
        """Checks that fail when a loop hangs; the absence of a broker or a database is waited out."""
        return {"consumer": self._runner.check_live, "dead_letters": self._drainer.tick.check}

    def ready_checks(self) -> Mapping[str, Check]:
        """Checks that fail while nothing is consumed."""
        return {"subscription": self._runner.check_ready}

    def run(self, stop: threading.Event) -> None:
        """Consume and drain until `stop`."""
        drainer = threading.Thread(target=self._drainer.run, args=(stop,), name="dead-letters", daemon=True)
        drainer.start()
        self._runner.run(stop)
        drainer.join(timeout=5)

    def _probe(self) -> None:
        with self._engine.connect() as connection:
            connection.execute(sa.text("SELECT 1"))


def run_relay(settings: ServiceSettings, options: RelayOptions | None = None) -> None:
    """Be the relay process of `settings.service` until SIGTERM; call it in the main thread."""
    stop = begin_process(settings, "relay")
    relay, registry = make_relay(settings, options)
    checks = HealthChecks(registry, live={"relay": relay.tick.check})
    run_process(settings, checks, lambda: relay.run(stop))


def make_relay(settings: ServiceSettings, options: RelayOptions | None = None) -> tuple[Relay, CollectorRegistry]:
    """Return the relay of `settings.service` with its registry; nothing is connected yet."""
    registry = process_registry(settings, "relay")
    broker = connect_broker(settings.amqp_url.get_secret_value())
    url = settings.database_url.get_secret_value()
    return Relay(url, broker, settings.service, RelayMetrics(registry), options), registry


def run_consumer(settings: ServiceSettings, parts: ConsumerParts) -> None:
    """Be the consumer process of `parts.queue` until SIGTERM; call it in the main thread."""
    stop = begin_process(settings, "consumer")
    consumer = Consumer(parts)
    checks = HealthChecks(parts.registry, live=consumer.live_checks(), ready=consumer.ready_checks())
    run_process(settings, checks, lambda: consumer.run(stop))
