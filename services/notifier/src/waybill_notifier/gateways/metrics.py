"""What the worker counts about mails."""

import time

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from waybill_notifier.domain.kinds import CHANNEL_EMAIL
from waybill_notifier.domain.news import DeliveryNews
from waybill_notifier.domain.smtp_replies import FailureClass
from waybill_notifier.domain.states import State
from waybill_notifier.gateways.provider_gate import ProviderGate

_ALARMING = (
    FailureClass.AMBIGUOUS,
    FailureClass.CONFIGURATION,
    FailureClass.PROTOCOL,
    FailureClass.MESSAGE,
)


class DeliveryMetrics:
    """Listens to the signal of delivery news; labels are bounded sets."""

    def __init__(self, registry: CollectorRegistry, gate: ProviderGate) -> None:
        self._ended = Counter(
            "notifications_sent_total", "Attempts by outcome.", ["channel", "outcome"], registry=registry
        )
        self._alarming = Counter(
            "notifications_alarming_total",
            "Results that a person should look at: ambiguous, configuration, protocol, message.",
            ["channel", "outcome"],
            registry=registry,
        )
        self._seconds = Histogram(
            "notification_delivery_seconds",
            "From the event to the provider's answer.",
            buckets=(0.01, 0.03, 0.1, 0.15, 0.5, 1, 5, 10, 30, 60, 300, 3600),
            registry=registry,
        )
        # Each begins at zero, so that a rate sees its first increase.
        for outcome in (State.SENT, *FailureClass):
            self._ended.labels(CHANNEL_EMAIL, outcome)
        for alarming in _ALARMING:
            self._alarming.labels(CHANNEL_EMAIL, alarming)
        Gauge("smtp_breaker_open", "1 while the provider is not used.", registry=registry).set_function(
            lambda: float(gate.is_open)
        )
        Gauge("smtp_rate_limit_per_second", "Mails a second that may be sent.", registry=registry).set_function(
            lambda: gate.rate
        )

    def on_news(self, news: DeliveryNews) -> None:
        """Count one result."""
        self._ended.labels(news.channel, news.outcome).inc()
        if news.is_alarming:
            self._alarming.labels(news.channel, news.outcome).inc()
        if news.outcome == State.SENT:
            self._seconds.observe(max(0.0, time.time() - news.event_at.timestamp()))
