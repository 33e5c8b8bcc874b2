"""The platform at a glance: promises and budgets, traffic, trade, and what fires."""

from tools.dashboards.model import Dashboard, Panel, Variable

_HERE = 'namespace=~"$namespace"'
_BUCKETS = f"service_route:http_server_request_duration_seconds_bucket:rate5m{{{_HERE}}}"


def _latency(quantile: float) -> str:
    return f"histogram_quantile({quantile}, sum by (service, le) ({_BUCKETS}))"


def _delay(quantile: float) -> str:
    rate = f"rate(notification_delivery_seconds_bucket{{{_HERE}}}[$__rate_interval])"
    return f"histogram_quantile({quantile}, sum by (le) ({rate}))"


PANELS = (
    Panel(
        1,
        "Error budget left",
        "What is left of the month's allowance of failures of each objective; below zero the promise is broken.",
        "percentunit",
        {f"service:slo_error_budget_left:ratio30d{{{_HERE}}}": "{{slo}}"},
        kind="bargauge",
    ),
    Panel(
        2,
        "Burn rate",
        "How many times faster than allowed the budget is spent, over an hour and over six. 1 lasts the month; "
        "from 14.4 over an hour somebody is paged.",
        "none",
        {
            f"service:slo_burn_rate:ratio_rate1h{{{_HERE}}}": "{{slo}} 1h",
            f"service:slo_burn_rate:ratio_rate6h{{{_HERE}}}": "{{slo}} 6h",
        },
        thresholds=(14.4,),
    ),
    Panel(
        6,
        "Firing alerts",
        "Every alert that fires now; 0 without a name when none does.",
        "none",
        {
            f'count by (alertname, service, severity) (ALERTS{{alertstate="firing", {_HERE}}}) or on () vector(0)': (
                "{{alertname}} {{service}}"
            )
        },
        kind="stat",
        thresholds=(1,),
    ),
    Panel(
        3,
        "Requests",
        "Requests a second that each service answers, other services' calls among them.",
        "reqps",
        {f"service:http_server_request_duration_seconds_count:rate5m{{{_HERE}}}": "{{service}}"},
    ),
    Panel(
        4,
        "Errors",
        "Share of the answers that were 5xx.",
        "percentunit",
        {f"service:http_server_request_errors:ratio_rate5m{{{_HERE}}}": "{{service}}"},
    ),
    Panel(
        5,
        "Latency",
        "Half, 95 and 99 of a hundred requests are answered within this time.",
        "s",
        {
            _latency(0.5): "{{service}} p50",
            _latency(0.95): "{{service}} p95",
            _latency(0.99): "{{service}} p99",
        },
    ),
    Panel(
        7,
        "Processes that answer",
        "Targets of each kind that Prometheus reaches on their internal port. Two of each is usual.",
        "none",
        {f'sum by (service, process) (up{{service=~"auth|orders|notifier", {_HERE}}})': "{{service}} {{process}}"},
        kind="stat",
    ),
    Panel(
        15,
        "Builds",
        "Which version of each service runs, in how many processes; two during a rollout.",
        "none",
        {f"count by (service, version, revision) (app_build_info{{{_HERE}}})": "{{service}} {{version}} {{revision}}"},
        kind="stat",
    ),
    Panel(
        8,
        "Orders",
        "Orders placed a second, and those refused by why.",
        "cps",
        {f"sum by (outcome) (rate(orders_created_total{{{_HERE}}}[$__rate_interval]))": "{{outcome}}"},
    ),
    Panel(
        9,
        "Orders by what became of them",
        "Changes of status a second, by the new status.",
        "cps",
        {f"sum by (to) (rate(order_transitions_total{{{_HERE}}}[$__rate_interval]))": "{{to}}"},
    ),
    Panel(
        12,
        "Sign-ins",
        "Sign-ins a second by outcome; a rise of refused ones is somebody who guesses.",
        "cps",
        {f"sum by (outcome) (rate(auth_logins_total{{{_HERE}}}[$__rate_interval]))": "{{outcome}}"},
    ),
    Panel(
        10,
        "Notifications",
        "Attempts to send a second, by channel and outcome.",
        "cps",
        {
            f"sum by (channel, outcome) (rate(notifications_sent_total{{{_HERE}}}[$__rate_interval]))": (
                "{{channel}} {{outcome}}"
            )
        },
    ),
    Panel(
        11,
        "From event to mail",
        "Time from what happened until the mail was handed over.",
        "s",
        {_delay(0.5): "p50", _delay(0.95): "p95", _delay(0.99): "p99"},
        thresholds=(60,),
    ),
    Panel(
        13,
        "Certificates",
        "Life that each certificate has left (cert-manager).",
        "s",
        {f"min by (name) (certmanager_certificate_expiration_timestamp_seconds{{{_HERE}}}) - time()": "{{name}}"},
        kind="bargauge",
    ),
    Panel(
        14,
        "Failed migrations",
        "1 for a migration job that gave up (kube-state-metrics).",
        "none",
        {
            f'max by (job_name) (kube_job_failed{{{_HERE}, condition="true", job_name=~".+-migrate.*"}})': (
                "{{job_name}}"
            )
        },
        kind="stat",
        thresholds=(1,),
    ),
)

OVERVIEW = Dashboard(
    uid="waybill-overview",
    title="Waybill / Platform",
    description="Promises, traffic and trade of the whole platform.",
    panels=PANELS,
    variables=(Variable("namespace", "label_values(app_build_info, namespace)"),),
    annotations={
        "Deployment": f"count by (service, version, revision) (app_build_info{{{_HERE}}}) "
        f"unless count by (service, version, revision) (app_build_info{{{_HERE}}} offset 2m)"
    },
)
