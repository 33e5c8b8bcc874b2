"""Events on their way: outbox, broker, queues, consumers, jobs and mails."""

from tools.dashboards.model import Dashboard, Panel, Variable

_HERE = 'namespace=~"$namespace"'
_EVENTS = f'{{{_HERE}, queue=~".+\\\\.events\\\\..+"}}'


def _rate(metric: str, by: str) -> str:
    return f"sum by ({by}) (rate({metric}{{{_HERE}}}[$__rate_interval]))"


def _quantile(quantile: float, metric: str, by: str) -> str:
    return f"histogram_quantile({quantile}, {_rate(metric + '_bucket', by)})"


OUTBOX = (
    Panel(
        1,
        "Age of the oldest event not sent",
        "How far readers are behind. Seconds are usual, five minutes page.",
        "s",
        {f"max by (service) (outbox_oldest_pending_age_seconds{{{_HERE}}})": "{{service}}"},
        thresholds=(300,),
    ),
    Panel(
        2,
        "Events not sent",
        "Rows of the outbox that the broker has not confirmed, counted up to 10,000.",
        "none",
        {f"max by (service) (outbox_pending_events{{{_HERE}}})": "{{service}}"},
    ),
    Panel(
        3,
        "What became of outbox rows",
        "Rows a second by outcome. `confirmed` and `unbound` are good ends, `dead` is set aside, the rest tried again.",
        "cps",
        {_rate("outbox_publish_total", "service, outcome"): "{{service}} {{outcome}}"},
    ),
    Panel(
        25,
        "Events set aside",
        "Events that the broker refused three times, each alone. They wait in `outbox_dead` for a person.",
        "none",
        {f"max by (service) (outbox_dead_events{{{_HERE}}})": "{{service}}"},
    ),
    Panel(
        4,
        "Wait for confirms",
        "95 of a hundred batches were confirmed by the broker within this time.",
        "s",
        {_quantile(0.95, "outbox_confirm_duration_seconds", "service, le"): "{{service}}"},
    ),
    Panel(
        5,
        "Leading relays",
        "One of each service's relays leads; 0 for long means that none gets the lock or reaches its database.",
        "none",
        {f"sum by (service) (outbox_relay_leader{{{_HERE}}})": "{{service}}"},
    ),
    Panel(
        23,
        "Events sent",
        "Events a second that the broker confirmed.",
        "cps",
        {_rate("messaging_client_sent_messages_total", "service"): "{{service}}"},
    ),
)

BROKER = (
    Panel(
        6,
        "Broker's alarms",
        "1 while RabbitMQ holds publishers back, for memory or for disk, and while a relay waits for it.",
        "none",
        {
            f"max (rabbitmq_alarms_memory_used_watermark{{{_HERE}}})": "memory",
            f"max (rabbitmq_alarms_free_disk_space_watermark{{{_HERE}}})": "disk",
            f"max by (service) (outbox_relay_blocked{{{_HERE}}})": "{{service}} relay waits",
        },
        thresholds=(1,),
    ),
    Panel(
        24,
        "Through the broker",
        "Messages a second that came in, were handed out and were acknowledged.",
        "cps",
        {
            f"sum (rate(rabbitmq_global_messages_received_total{{{_HERE}}}[$__rate_interval]))": "in",
            f"sum (rate(rabbitmq_global_messages_delivered_total{{{_HERE}}}[$__rate_interval]))": "handed out",
            f"sum (rate(rabbitmq_global_messages_acknowledged_total{{{_HERE}}}[$__rate_interval]))": "acknowledged",
        },
    ),
    Panel(
        17,
        "Connections opened",
        "Connections a second that were opened to the broker; Waybill's processes keep theirs.",
        "cps",
        {f"sum (rate(rabbitmq_connections_opened_total{{{_HERE}}}[$__rate_interval]))": "opened"},
        thresholds=(0.5,),
    ),
    Panel(
        9,
        "Messages waiting",
        "Ready messages in each queue; those of the retry queues wait for their time.",
        "none",
        {f"max by (queue) (rabbitmq_detailed_queue_messages_ready{_EVENTS})": "{{queue}}"},
    ),
    Panel(
        10,
        "Messages handed out",
        "Messages that a consumer has and did not acknowledge yet.",
        "none",
        {f"max by (queue) (rabbitmq_detailed_queue_messages_unacked{_EVENTS})": "{{queue}}"},
    ),
    Panel(
        11,
        "Consumers",
        "Consumers subscribed to each queue; retry queues have none.",
        "none",
        {f"max by (queue) (rabbitmq_detailed_queue_consumers{_EVENTS})": "{{queue}}"},
    ),
    Panel(
        14,
        "Unrouted messages",
        "Messages for which no queue was bound; the exchange keeps them in `waybill.unrouted`.",
        "none",
        {f'max (rabbitmq_detailed_queue_messages{{{_HERE}, queue="waybill.unrouted"}})': "waybill.unrouted"},
        thresholds=(1,),
    ),
)

CONSUMERS = (
    Panel(
        7,
        "Messages settled",
        "Messages a second by outcome. `retry` and `dead_letter` failed; `duplicate` was done before.",
        "cps",
        {_rate("messaging_client_consumed_messages_total", "destination, outcome"): "{{destination}} {{outcome}}"},
    ),
    Panel(
        8,
        "Time in the handler",
        "Half and 95 of a hundred messages were handled and committed within this time.",
        "s",
        {
            _quantile(0.5, "messaging_process_duration_seconds", "destination, le"): "{{destination}} p50",
            _quantile(0.95, "messaging_process_duration_seconds", "destination, le"): "{{destination}} p95",
        },
    ),
    Panel(
        12,
        "Redeliveries",
        "Messages a second that were handed out again, as consumers and as the broker see it.",
        "cps",
        {
            _rate("consumer_redelivered_total", "queue"): "{{queue}}",
            f"sum (rate(rabbitmq_global_messages_redelivered_total{{{_HERE}}}[$__rate_interval]))": "broker",
        },
    ),
    Panel(
        13,
        "Dead letters",
        "Messages that wait for a person: filed and open, or still in the dead-letter queue.",
        "none",
        {f"max by (service, queue) (dead_letters_open{{{_HERE}}})": "{{queue}}"},
        thresholds=(1,),
    ),
    Panel(
        18,
        "Consumers that wait",
        "Threads that hold their messages until database and broker are back.",
        "none",
        {f"sum by (queue) (consumer_paused{{{_HERE}}})": "{{queue}}"},
    ),
    Panel(
        19,
        "Since the last message",
        "Time since a message was last handled; long is normal when nothing happens.",
        "s",
        {f"time() - max by (queue) (consumer_last_success_timestamp_seconds{{{_HERE}}} > 0)": "{{queue}}"},
    ),
)

MAILS = (
    Panel(
        16,
        "Oldest job that is due",
        "How long the oldest due job waits for a worker.",
        "s",
        {f"max by (service) (jobs_oldest_due_age_seconds{{{_HERE}}})": "{{service}}"},
        thresholds=(300,),
    ),
    Panel(
        15,
        "From event to mail",
        "Time from what happened until the mail was handed over.",
        "s",
        {
            _quantile(0.5, "notification_delivery_seconds", "le"): "p50",
            _quantile(0.95, "notification_delivery_seconds", "le"): "p95",
            _quantile(0.99, "notification_delivery_seconds", "le"): "p99",
        },
    ),
    Panel(
        20,
        "Mail provider",
        "1 while its breaker is open and no mail is handed over; and the mails a second that may be sent.",
        "none",
        {
            f"max (smtp_breaker_open{{{_HERE}}})": "breaker open",
            f"sum (smtp_rate_limit_per_second{{{_HERE}}})": "mails a second allowed",
        },
    ),
    Panel(
        21,
        "Results for a person",
        "Notifications in the last hour that ended so that somebody should look.",
        "none",
        {
            f"sum by (channel, outcome) (increase(notifications_alarming_total{{{_HERE}}}[1h]))": (
                "{{channel}} {{outcome}}"
            )
        },
    ),
    Panel(
        22,
        "Notifier's replicas",
        "Ready consumers and workers (kube-state-metrics), and what KEDA measures for them.",
        "none",
        {
            f'kube_deployment_status_replicas_ready{{{_HERE}, deployment=~"notifier-.+"}}': "{{deployment}}",
            'keda_scaler_metrics_value{exported_namespace=~"$namespace", scaledObject=~"notifier-.+"}': (
                "{{scaledObject}} {{metric}}"
            ),
        },
    ),
)

MESSAGING = Dashboard(
    uid="waybill-messaging",
    title="Waybill / Messaging",
    description="Every event from its outbox to its mail.",
    panels=(*OUTBOX, *BROKER, *CONSUMERS, *MAILS),
    variables=(Variable("namespace", "label_values(app_build_info, namespace)"),),
)
