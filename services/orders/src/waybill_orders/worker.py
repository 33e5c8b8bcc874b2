"""The loops of orders beside the web: relay, consumer and worker, as a process each or as threads of the standalone."""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field

from prometheus_client import CollectorRegistry
from waybill_common.database import CHANNEL_JOBS, Listener
from waybill_common.health import Check, HealthChecks, begin_process, run_process
from waybill_common.jobs import JobMetrics, Worker, WorkerOptions
from waybill_common.messaging import Consumer, ConsumerParts, connect_broker, make_relay

from waybill_orders.bootstrap import build_feed, build_jobs, build_user_events, lay_foundation
from waybill_orders.config import Settings
from waybill_orders.consumers.user_events import QUEUE


@dataclass(frozen=True, kw_only=True)
class Loop:
    """One loop, ready to run until it is told to stop, with the checks of its health."""

    run: Callable[[threading.Event], None]
    registry: CollectorRegistry
    live: Mapping[str, Check]
    ready: Mapping[str, Check] = field(default_factory=dict)


MakeLoop = Callable[[Settings], AbstractContextManager[Loop]]


@contextmanager
def relay_loop(settings: Settings) -> Iterator[Loop]:
    """Give the relay, the only publisher of the service's events."""
    relay, registry = make_relay(settings)
    yield Loop(run=relay.run, registry=registry, live={"relay": relay.tick.check})


@contextmanager
def consumer_loop(settings: Settings) -> Iterator[Loop]:
    """Give the consumer of `orders.events.v1` with its dead letters, and the keeper of the revocation feed."""
    foundation = lay_foundation(settings, "consumer")
    consumer = Consumer(
        ConsumerParts(
            queue=QUEUE,
            handler=build_user_events(foundation),
            engine=foundation.engine,
            broker=connect_broker(settings.amqp_url.get_secret_value()),
            registry=foundation.registry,
        )
    )
    is_subscribed = consumer.ready_checks()["subscription"]
    feed = build_feed(foundation, lambda: is_subscribed() is None)

    def run(stop: threading.Event) -> None:
        keeper = threading.Thread(target=feed.run, args=(stop,), name="revocation-feed", daemon=True)
        keeper.start()
        consumer.run(stop)
        keeper.join(timeout=5)

    live = {**consumer.live_checks(), "feed": feed.tick.check}
    try:
        yield Loop(run=run, registry=foundation.registry, live=live, ready=consumer.ready_checks())
    finally:
        foundation.close()


@contextmanager
def worker_loop(settings: Settings) -> Iterator[Loop]:
    """Give the worker: expiry, return and settlement of money, cleaning up."""
    foundation = lay_foundation(settings, "worker")
    handlers, recurring = build_jobs(foundation)
    listener = Listener(settings.database_url.get_secret_value(), [CHANNEL_JOBS], f"{settings.service}-worker")
    options = WorkerOptions(
        threads=settings.worker_threads, recurring=recurring, grace_seconds=settings.worker_grace_seconds
    )
    worker = Worker(foundation.engine, listener, handlers, JobMetrics(foundation.registry), options)
    try:
        yield Loop(run=worker.run, registry=foundation.registry, live={"worker": worker.tick.check})
    finally:
        foundation.close()


def run_relay(settings: Settings, stop: threading.Event) -> None:
    """Be the relay until `stop`, in a thread."""
    with relay_loop(settings) as loop:
        loop.run(stop)


def run_consumer(settings: Settings, stop: threading.Event) -> None:
    """Be the consumer until `stop`, in a thread."""
    with consumer_loop(settings) as loop:
        loop.run(stop)


def run_worker(settings: Settings, stop: threading.Event) -> None:
    """Be the worker until `stop`, in a thread."""
    with worker_loop(settings) as loop:
        loop.run(stop)


def serve(settings: Settings, role: str, make_loop: MakeLoop) -> None:
    """Be a process of this role until SIGTERM, with health checks and metrics on the admin port; in the main thread.

    Raises OSError when the admin port is taken.
    """
    stop = begin_process(settings, role)
    with make_loop(settings) as loop:
        checks = HealthChecks(loop.registry, live=loop.live, ready=loop.ready)
        run_process(settings, checks, lambda: loop.run(stop))
