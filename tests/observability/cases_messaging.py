"""What fires an alert about outbox, broker and queues, and what, just short of it, does not."""

from tests.observability.promtool import Case


def queue(name: str, messages: str, consumers: str = "0x40") -> dict[str, str]:
    """A queue as RabbitMQ's detailed metrics show it."""
    labels = f'{{vhost="/", queue="{name}"}}'
    return {
        f"rabbitmq_detailed_queue_messages{labels}": messages,
        f"rabbitmq_detailed_queue_messages_ready{labels}": messages,
        f"rabbitmq_detailed_queue_consumers{labels}": consumers,
    }


_OUTBOX = 'outbox_oldest_pending_age_seconds{service="orders", instance="1"}'
_DEAD = 'outbox_dead_events{service="auth", instance="1"}'
_LETTERS = 'dead_letters_open{service="notifier", instance="1", queue="notifier.events.v1"}'
_DROPPED = 'rabbitmq_global_messages_unroutable_dropped_total{protocol="amqp091"}'


def _deliveries(all_of_them: str, again: str) -> dict[str, str]:
    labels = '{protocol="amqp091", queue_type="rabbit_quorum_queue"}'
    return {
        f"rabbitmq_global_messages_delivered_total{labels}": all_of_them,
        f"rabbitmq_global_messages_redelivered_total{labels}": again,
    }


CASES = [
    Case(
        "BrokerPublishersBlocked",
        {"rabbitmq_alarms_memory_used_watermark": "0 1x9", "rabbitmq_alarms_free_disk_space_watermark": "0x10"},
        "3m",
        [({}, "RabbitMQ blocks publishers.")],
    ),
    Case(
        "BrokerPublishersBlocked",
        {"rabbitmq_alarms_memory_used_watermark": "0x10", "rabbitmq_alarms_free_disk_space_watermark": "0 1x9"},
        "3m",
        [({}, "RabbitMQ blocks publishers.")],
    ),
    Case(
        "BrokerPublishersBlocked",
        {'outbox_relay_blocked{service="orders", instance="1"}': "0 1x9"},
        "3m",
        [({}, "RabbitMQ blocks publishers.")],
    ),
    Case(
        "BrokerPublishersBlocked",
        {"rabbitmq_alarms_memory_used_watermark": "0x10", 'outbox_relay_blocked{service="orders"}': "0 0 1 0x9"},
        "3m",
    ),
    Case(
        "ConnectionChurnHigh",
        {"rabbitmq_connections_opened_total": "0+60x30"},
        "16m",
        [({}, "1.0 connections a second are opened to RabbitMQ.")],
    ),
    Case("ConnectionChurnHigh", {"rabbitmq_connections_opened_total": "0+20x30"}, "16m"),
    Case(
        "OutboxStuck",
        {_OUTBOX: "0+60x30", _OUTBOX.replace('"1"', '"2"'): "0x30"},
        "11m",
        [({"service": "orders"}, "An event of orders has waited 11m 0s for the broker.")],
    ),
    Case("OutboxStuck", {_OUTBOX: "0+60x8 0x30"}, "11m"),
    Case("OutboxStuck", {_OUTBOX: "300x30"}, "11m"),
    Case("OutboxDeadEvents", {_DEAD: "0 1x20"}, "15m", [({"service": "auth"}, "1 events of auth are set aside.")]),
    Case("OutboxDeadEvents", {_DEAD: "3x5 0x15"}, "15m"),
    Case(
        "NotifierNoConsumers",
        queue("notifier.events.v1", "7x30"),
        "11m",
        [({"queue": "notifier.events.v1"}, "7 messages wait in notifier.events.v1 and nobody consumes.")],
    ),
    Case("NotifierNoConsumers", queue("notifier.events.v1", "7x30", "2x30"), "11m"),
    Case("NotifierNoConsumers", queue("notifier.events.v1", "0x30"), "11m"),
    Case("NotifierNoConsumers", queue("notifier.events.v1.retry.10m", "7x30"), "11m"),
    Case(
        "OrdersNoConsumers",
        queue("orders.events.v1", "1x30"),
        "11m",
        [({"queue": "orders.events.v1"}, "1 messages wait in orders.events.v1 and nobody consumes.")],
    ),
    Case("OrdersNoConsumers", queue("orders.events.v1", "1x8 0 1x30"), "11m"),
    Case(
        "DeadLetterNotEmpty",
        {_LETTERS: "0 2x30", _LETTERS.replace('"1"', '"2"'): "0 2x30"},
        "17m",
        [
            (
                {"service": "notifier", "queue": "notifier.events.v1"},
                "2 dead letters of notifier.events.v1 wait for a person.",
            )
        ],
    ),
    Case("DeadLetterNotEmpty", {_LETTERS: "0 2x10 0x30"}, "17m"),
    Case(
        "QueueGrowing",
        queue("notifier.events.v1", "0+100x60"),
        "30m",
        [({"queue": "notifier.events.v1"}, "notifier.events.v1 has 3000 messages and grows.")],
    ),
    Case("QueueGrowing", queue("notifier.events.v1", "9000-100x60"), "30m"),
    Case("QueueGrowing", queue("notifier.events.v1", "0+10x60"), "30m"),
    Case("UnroutableMessages", queue("waybill.unrouted", "0 1x9"), "2m", [({}, "Messages reach no queue.")]),
    Case("UnroutableMessages", {_DROPPED: "0 0 4x9"}, "5m", [({}, "Messages reach no queue.")]),
    Case("UnroutableMessages", queue("waybill.unrouted", "0x9") | {_DROPPED: "4x9"}, "5m"),
    Case(
        "RedeliveryRateHigh",
        _deliveries("0+100x40", "0+25x40"),
        "21m",
        [({}, "25% of the deliveries are repeats.")],
    ),
    Case("RedeliveryRateHigh", _deliveries("0+100x40", "0+9x40"), "21m"),
    Case("RedeliveryRateHigh", _deliveries("0 4x40", "0 4x40"), "21m"),
]
