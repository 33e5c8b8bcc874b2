"""Fits the worker process together."""

import random
import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from waybill_common.database import (
    CHANNEL_JOBS,
    Listener,
)
from waybill_common.health import HealthChecks
from waybill_common.jobs import JobMetrics, Worker, WorkerOptions
from waybill_common.telemetry import process_registry

from waybill_notifier.bootstrap.parts import (
    auth_connector,
    closing,
    hashed_address,
    mail_renderer,
    make_service_engine,
    schema_check,
    unit_of_work_factory,
)
from waybill_notifier.config import Settings
from waybill_notifier.domain.kinds import Retry
from waybill_notifier.domain.verdict import RetryPolicy
from waybill_notifier.gateways.auth_directory import AuthDirectory
from waybill_notifier.gateways.metrics import DeliveryMetrics
from waybill_notifier.gateways.mime import Stationery
from waybill_notifier.gateways.provider_gate import GateOptions, ProviderGate
from waybill_notifier.gateways.smtp_mailer import ReuseLimits, SmtpConnections, SmtpMailer
from waybill_notifier.gateways.smtp_wire import SmtpTimeouts
from waybill_notifier.jobs import retention
from waybill_notifier.jobs.deliver import Deliver, DeliverParts
from waybill_notifier.repositories.persistence import persist
from waybill_notifier.repositories.retention import LedgerRetention
from waybill_notifier.use_cases.ports import DeliveryRules
from waybill_notifier.use_cases.queue_mail import DELIVER_JOB
from waybill_notifier.use_cases.signals import delivery_news


@dataclass(frozen=True, kw_only=True)
class WorkerProcess:
    """The worker; `run` returns when what runs has finished or the grace is over."""

    worker: Worker
    checks: HealthChecks
    close: Callable[[], None]

    def run(self, stop: threading.Event) -> None:
        """Deliver until `stop`."""
        try:
            self.worker.run(stop)
        finally:
            self.close()


def worker_process(settings: Settings) -> WorkerProcess:
    """Fit the worker together."""
    registry = process_registry(settings, "worker")
    engine = make_service_engine(settings, "notifier-worker", settings.worker_threads + 2, registry)
    auth = auth_connector(settings, registry)
    gate = _gate(settings)
    mailer = _mailer(settings, gate)
    deliver = Deliver(
        DeliverParts(
            unit_of_work=unit_of_work_factory(settings, engine, "notifier-worker"),
            directory=AuthDirectory(auth, settings.public_base_url),
            renderer=mail_renderer(settings),
            mailer=mailer,
            rules=_rules(settings),
            persist=lambda transaction: persist(transaction, settings.record_seconds),
        )
    )
    metrics = DeliveryMetrics(registry, gate)
    delivery_news.connect(metrics.on_news, weak=False)
    url = settings.database_url.get_secret_value()
    worker = Worker(
        engine,
        Listener(url, [CHANNEL_JOBS], "notifier-worker"),
        {DELIVER_JOB: deliver, retention.KIND: retention.retention_handler(LedgerRetention(engine))},
        JobMetrics(registry),
        WorkerOptions(
            threads=settings.worker_threads,
            recurring={retention.KIND: retention.EVERY_SECONDS},
            lease_seconds=settings.worker_lease_seconds,
            grace_seconds=settings.worker_grace_seconds,
        ),
    )
    checks = HealthChecks(registry, live={"worker": worker.tick.check}, ready=schema_check(engine))
    return WorkerProcess(
        worker=worker,
        checks=checks,
        close=closing(engine, auth.close, mailer.close, lambda: delivery_news.disconnect(metrics.on_news)),
    )


def _gate(settings: Settings) -> ProviderGate:
    return ProviderGate(
        GateOptions(
            failures=settings.smtp_breaker_failures,
            open_seconds=settings.smtp_breaker_seconds,
            configuration_seconds=settings.smtp_configuration_seconds,
            rate_per_second=settings.smtp_rate_per_second,
        )
    )


def _mailer(settings: Settings, gate: ProviderGate) -> SmtpMailer:
    timeouts = SmtpTimeouts(
        connect=settings.smtp_connect_seconds,
        command=settings.smtp_command_seconds,
        data=settings.smtp_data_seconds,
        final=settings.smtp_final_seconds,
    )
    limits = ReuseLimits(settings.smtp_reuse_mails, settings.smtp_reuse_idle_seconds)
    stationery = Stationery(
        settings.mail_from_name, settings.mail_from_address, settings.mail_reply_to or None, settings.mail_domain
    )
    connections = SmtpConnections(settings.smtp_server, timeouts, limits, settings.mail_domain)
    return SmtpMailer(
        connections, gate, stationery, settings.secret_key.get_secret_value().encode(), settings.bounce_domain
    )


def _rules(settings: Settings) -> DeliveryRules:
    schedules = {Retry.SHORT_LIVED: settings.retry_short_lived_seconds, Retry.PATIENT: settings.retry_patient_seconds}
    policies = {
        retry: RetryPolicy(
            schedule=schedule,
            hold_seconds=settings.smtp_configuration_seconds,
            uncertain_seconds=settings.uncertain_seconds,
            mailbox_full_seconds=settings.mailbox_full_hours * 3600,
        )
        for retry, schedule in schedules.items()
    }
    key = settings.secret_key.get_secret_value().encode()
    return DeliveryRules(policies=policies, jitter=random.uniform, hash_address=partial(hashed_address, key))
