"""What fires an alert about services, databases and jobs, and what, just short of it, does not."""

from tests.observability.promtool import Case

PROCESSES = [
    ("auth", "web"),
    ("auth", "relay"),
    ("auth", "worker"),
    ("orders", "web"),
    ("orders", "relay"),
    ("orders", "consumer"),
    ("orders", "worker"),
    ("notifier", "web"),
    ("notifier", "consumer"),
    ("notifier", "worker"),
]
BROKER = {"rabbitmq_alarms_memory_used_watermark": "0x30", "rabbitmq_detailed_queue_messages": "0x30"}


def up(values: str = "1x30", *, without: tuple[str, str] = ("", ""), **others: str) -> dict[str, str]:
    """Two targets of each process that answer; `others` are the values of one, as `orders_web_1="0x30"`."""
    series = {}
    for service, process in PROCESSES:
        for number in (1, 2):
            if (service, process) != without:
                name = f'up{{service="{service}", process="{process}", instance="{number}"}}'
                series[name] = others.get(f"{service}_{process}_{number}", values)
    return series


def pool(used: str) -> dict[str, str]:
    """A pool of eight connections."""
    labels = 'service="orders", process="web", pool_name="orders-web"'
    return {
        f'db_client_connection_count{{{labels}, state="used"}}': used,
        f'db_client_connection_count{{{labels}, state="idle"}}': "1x30",
        f"db_client_connection_max{{{labels}}}": "8x30",
    }


_POOL = {"service": "orders", "process": "web", "pool_name": "orders-web"}
_TIMEOUTS = 'db_client_connection_timeouts_total{service="orders", process="web", pool_name="orders-web"}'
_MIGRATION = 'kube_job_failed{condition="true", namespace="shop", job_name="orders-migrate-3"}'
_CERTIFICATE = 'certmanager_certificate_expiration_timestamp_seconds{namespace="shop", name="api-tls"}'
_ALARMING = 'notifications_alarming_total{service="notifier", channel="email", outcome="uncertain"}'
_DAY = 86_400

CASES = [
    Case(
        "ServiceDown",
        up(orders_web_1="1 0x30", orders_web_2="1 1 0x30"),
        "8m",
        [({"service": "orders", "process": "web"}, "No web of orders answers.")],
    ),
    Case(
        "ServiceDown",
        up(without=("notifier", "consumer")),
        "6m",
        [({"service": "notifier", "process": "consumer"}, "No consumer of notifier answers.")],
    ),
    Case("ServiceDown", up(orders_web_1="1 0x30"), "20m"),
    Case("ServiceDown", up(orders_web_1="1 0x4 1x30", orders_web_2="1 0x4 1x30"), "5m"),
    Case(
        "MetricsTargetMissing",
        up(auth_relay_2="1 0x30") | BROKER,
        "17m",
        [({"service": "auth", "process": "relay"}, "Metrics of auth relay are missing.")],
    ),
    Case("MetricsTargetMissing", up(), "17m", [({}, "Metrics of RabbitMQ are missing.")]),
    Case("MetricsTargetMissing", up(auth_relay_2="1 0x10 1x30") | BROKER, "17m"),
    Case(
        "MigrationJobFailed",
        {_MIGRATION: "0 1x5"},
        "2m",
        [({"namespace": "shop", "job_name": "orders-migrate-3"}, "The migration orders-migrate-3 failed.")],
    ),
    Case("MigrationJobFailed", {_MIGRATION: "0x5", _MIGRATION.replace("orders-migrate-3", "other"): "1x5"}, "2m"),
    Case(
        "CertificateExpiring",
        {_CERTIFICATE: f"{10 * _DAY}x90"},
        "61m",
        [({"namespace": "shop", "name": "api-tls"}, "The certificate api-tls ends in 9d 22h 59m 0s.")],
    ),
    Case("CertificateExpiring", {_CERTIFICATE: f"{15 * _DAY}x90"}, "61m"),
    Case("DbPoolSaturated", pool("8x30"), "11m", [(_POOL, "The database pool orders-web is 100% in use.")]),
    Case("DbPoolSaturated", pool("7x30"), "11m"),
    Case("DbPoolSaturated", pool("8x5 0 8x30"), "11m"),
    Case(
        "DbPoolTimeouts",
        {_TIMEOUTS: "0 3x10"},
        "10m",
        [(_POOL, "Nobody got a connection of orders-web in time 3 times.")],
    ),
    Case("DbPoolTimeouts", {_TIMEOUTS: "5x30"}, "12m"),
    Case(
        "JobsOverdue",
        {'jobs_oldest_due_age_seconds{service="notifier", instance="1"}': "0+60x20"},
        "11m",
        [({"service": "notifier"}, "A job of notifier has been due for 11m 0s.")],
    ),
    Case("JobsOverdue", {'jobs_oldest_due_age_seconds{service="notifier", instance="1"}': "0+60x8 0x20"}, "10m"),
    Case(
        "MailProviderUnavailable",
        {'smtp_breaker_open{service="notifier", instance="1"}': "1x10"},
        "6m",
        [({}, "The mail provider is not used: its breaker is open.")],
    ),
    Case("MailProviderUnavailable", {'smtp_breaker_open{service="notifier", instance="1"}': "0x10 1x4 0x10"}, "16m"),
    Case(
        "NotificationsAlarming",
        {_ALARMING: "0 2x60"},
        "60m",
        [({"channel": "email", "outcome": "uncertain"}, "2 notifications ended as uncertain in an hour.")],
    ),
    Case("NotificationsAlarming", {_ALARMING: "2x60"}, "60m"),
]
