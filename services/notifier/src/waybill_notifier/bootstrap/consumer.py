"""Fits the consumer process together."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from functools import partial

from waybill_common.health import HealthChecks
from waybill_common.messaging import Consumer, ConsumerOptions, ConsumerParts, connect_broker
from waybill_common.telemetry import process_registry

from waybill_notifier.bootstrap.parts import auth_connector, closing, make_service_engine, unit_of_work_factory
from waybill_notifier.config import Settings
from waybill_notifier.consumers.messages import Messages
from waybill_notifier.consumers.revocation_feed import RevocationFeed
from waybill_notifier.gateways.auth_directory import AuthRevocationList
from waybill_notifier.repositories.unit_of_work import CONSUMER
from waybill_notifier.use_cases.apply_revocation import apply_revocation
from waybill_notifier.use_cases.keep_revocation_feed import note_living_feed, seed_revocations
from waybill_notifier.use_cases.queue_mail import queue_mail


@dataclass(frozen=True, kw_only=True)
class ConsumerProcess:
    """The consumer with the feed of revocations beside it."""

    consumer: Consumer
    feed: RevocationFeed
    checks: HealthChecks
    close: Callable[[], None]

    def run(self, stop: threading.Event) -> None:
        """Consume until `stop`."""
        feed = threading.Thread(target=self.feed.run, args=(stop,), name="revocation-feed", daemon=True)
        feed.start()
        try:
            self.consumer.run(stop)
            feed.join(timeout=5)
        finally:
            self.close()


def consumer_process(settings: Settings) -> ConsumerProcess:
    """Fit the consumer together."""
    registry = process_registry(settings, "consumer")
    engine = make_service_engine(settings, "notifier-consumer", settings.consumer_threads + 3, registry)
    work = unit_of_work_factory(settings, engine, "notifier-consumer")
    messages = Messages(
        partial(queue_mail, unit_of_work=work, mail_domain=settings.mail_domain),
        partial(apply_revocation, unit_of_work=work),
        timedelta(hours=settings.order_mail_life_hours),
    )
    consumer = Consumer(
        ConsumerParts(
            queue=CONSUMER,
            handler=messages.router(),
            engine=engine,
            broker=connect_broker(settings.amqp_url.get_secret_value()),
            registry=registry,
            options=ConsumerOptions(threads=settings.consumer_threads),
        )
    )
    auth = auth_connector(settings, registry)
    feed = RevocationFeed(
        seed=partial(seed_revocations, AuthRevocationList(auth), work),
        note_living=partial(note_living_feed, work),
        is_subscribed=lambda: consumer.ready_checks()["subscription"]() is None,
    )
    checks = HealthChecks(registry, live=consumer.live_checks(), ready=consumer.ready_checks())
    return ConsumerProcess(consumer=consumer, feed=feed, checks=checks, close=closing(engine, auth.close))
