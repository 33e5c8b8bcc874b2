"""What relay, consumer and drainer count; messaging names are not stable in OpenTelemetry yet, so all stand here."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from waybill_common.database import StatementMetrics
from waybill_common.messaging.topology import EVENTS_EXCHANGE, dead_letter_queue

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0)


_PUBLISHED = ("confirmed", "unbound", "dead")
_TRIED_AGAIN = ("nacked", "returned", "refused", "blocked", "timeout", "unavailable", "error")
_CONSUMED = ("ack", "duplicate", "ignored", "retry", "dead_letter")
_DEAD_LETTERS = ("filed", "requeued", "replayed")


class RelayMetrics:
    """The outbox and the process that empties it; one per registry."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.statements = StatementMetrics(registry)
        self.oldest_age_seconds = Gauge(
            "outbox_oldest_pending_age_seconds", "Age of the oldest event not confirmed yet.", registry=registry
        )
        self.pending = Gauge(
            "outbox_pending_events", "Events not confirmed yet, counted up to 10,000.", registry=registry
        )
        self.dead = Gauge(
            "outbox_dead_events",
            "Events set aside because the broker refused them, counted up to 10,000.",
            registry=registry,
        )
        self.published = Counter(
            "outbox_publish",
            "Outbox rows by what became of them.",
            ["outcome"],
            registry=registry,
        )
        for outcome in (*_PUBLISHED, *_TRIED_AGAIN):
            self.published.labels(outcome)
        self.confirm_seconds = Histogram(
            "outbox_confirm_duration_seconds",
            "Wait for the confirms of what was sent last.",
            registry=registry,
            buckets=_SECONDS,
        )
        self.sent = Counter(
            "messaging_client_sent_messages",
            "Messages confirmed by the broker.",
            ["destination"],
            registry=registry,
        )
        self.sent.labels(EVENTS_EXCHANGE)
        self.leader = Gauge("outbox_relay_leader", "1 while this relay is the active one.", registry=registry)
        self.blocked = Gauge("outbox_relay_blocked", "1 while the broker asks publishers to wait.", registry=registry)


class ConsumerMetrics:
    """The consumer of a queue and its dead letters; one per registry.

    The series of `queue` exist at once, so that a rate sees their first increase.
    """

    def __init__(self, registry: CollectorRegistry, queue: str | None = None) -> None:
        self.consumed = Counter(
            "messaging_client_consumed_messages",
            "Messages settled, by outcome.",
            ["destination", "outcome"],
            registry=registry,
        )
        self.process_seconds = Histogram(
            "messaging_process_duration_seconds",
            "Time in the handler, commit included.",
            ["destination"],
            registry=registry,
            buckets=_SECONDS,
        )
        self.last_success = Gauge(
            "consumer_last_success_timestamp_seconds",
            "When a message was last handled; until then, when the consumer began.",
            ["queue"],
            registry=registry,
        )
        self.inflight = Gauge(
            "consumer_inflight", "Messages received and not settled yet.", ["queue"], registry=registry
        )
        self.redelivered = Counter(
            "consumer_redelivered", "Messages that came with the redelivered mark.", ["queue"], registry=registry
        )
        self.paused = Gauge(
            "consumer_paused",
            "Threads that hold their messages until database and broker are back.",
            ["queue"],
            registry=registry,
        )
        self.duplicates = Counter("inbox_duplicates", "Messages whose effect was committed already.", registry=registry)
        self.dead_letters_open = Gauge(
            "dead_letters_open",
            "Open letters filed plus messages waiting in the dead-letter queue.",
            ["queue"],
            registry=registry,
        )
        self.dead_letters = Counter(
            "dead_letters",
            "Dead letters by what was done.",
            ["queue", "outcome"],
            registry=registry,
        )
        if queue is not None:
            self._expect(queue)

    def _expect(self, queue: str) -> None:
        for outcome in _CONSUMED:
            self.consumed.labels(queue, outcome)
        for outcome in _DEAD_LETTERS:
            self.dead_letters.labels(queue, outcome)
        for metric in (self.process_seconds, self.inflight, self.redelivered, self.dead_letters_open):
            metric.labels(queue)
        for held in (queue, dead_letter_queue(queue)):
            self.paused.labels(held)
        self.last_success.labels(queue).set_to_current_time()
