"""One service's HTTP side, from the request down to the pool, and its pods."""

from tools.dashboards.model import Dashboard, Panel, Variable

_SERVICE = 'namespace=~"$namespace", service=~"$service"'
_ROUTE = f'{_SERVICE}, http_route=~"$route"'
_WEB = f'{_SERVICE}, process="web"'
_PODS = 'namespace=~"$namespace", pod=~"($service)-web.*", container!=""'
_RATE = "service_route:http_server_request_duration_seconds_count:rate5m"


def _quantile(quantile: float, metric: str, by: str, selector: str) -> str:
    return f"histogram_quantile({quantile}, sum by ({by}, le) (rate({metric}_bucket{{{selector}}}[$__rate_interval])))"


def _latency(quantile: float) -> str:
    return _quantile(quantile, "http_server_request_duration_seconds", "service", _ROUTE)


REQUESTS = (
    Panel(
        1,
        "Requests by route",
        "Requests a second of each route template; `__unmatched__` is what no route knows.",
        "reqps",
        {f"sum by (service, http_route) ({_RATE}{{{_ROUTE}}})": "{{service}} {{http_route}}"},
    ),
    Panel(
        2,
        "Share of each status",
        "Share of the answers with each status from 400 on. 4xx are the caller's, 5xx ours.",
        "percentunit",
        {
            f'sum by (http_response_status_code) ({_RATE}{{{_ROUTE}, http_response_status_code=~"[45].."}}) '
            f"/ on () group_left () sum ({_RATE}{{{_ROUTE}}}) or on () 0 * sum ({_RATE}{{{_ROUTE}}})": (
                "{{http_response_status_code}}"
            )
        },
    ),
    Panel(
        3,
        "Latency, all of it",
        "How many requests took how long; two bands are two kinds of request, or a pool that is full.",
        "s",
        {f"sum by (le) (rate(http_server_request_duration_seconds_bucket{{{_ROUTE}}}[$__rate_interval]))": "{{le}}"},
        kind="heatmap",
    ),
    Panel(
        4,
        "Latency",
        "Half, 95 and 99 of a hundred requests are answered within this time.",
        "s",
        {_latency(0.5): "{{service}} p50", _latency(0.95): "{{service}} p95", _latency(0.99): "{{service}} p99"},
    ),
    Panel(
        5,
        "Requests in progress and room for them",
        "Requests being answered in each pod, and how many it can answer at once: a connection for each thread.",
        "none",
        {
            f"sum by (pod) (http_server_active_requests{{{_WEB}}})": "{{pod}} in progress",
            f"max by (pod) (db_client_connection_max{{{_WEB}}})": "{{pod}} room",
        },
    ),
)

DATABASE = (
    Panel(
        6,
        "Pool in use",
        "Share of each pool's connections in use.",
        "percentunit",
        {
            f'sum by (pod, pool_name) (db_client_connection_count{{{_SERVICE}, state="used"}}) '
            f"/ sum by (pod, pool_name) (db_client_connection_max{{{_SERVICE}}})": "{{pod}} {{pool_name}}"
        },
        thresholds=(0.9,),
    ),
    Panel(
        7,
        "Wait for a connection",
        "95 of a hundred callers got a connection of the pool within this time.",
        "s",
        {_quantile(0.95, "db_client_connection_wait_time_seconds", "pool_name", _SERVICE): "{{pool_name}}"},
    ),
    Panel(
        8,
        "Nobody got a connection in time",
        "Callers that waited for a connection until their time was up, and were answered 503.",
        "cps",
        {
            f"sum by (pool_name) (rate(db_client_connection_timeouts_total{{{_SERVICE}}}[$__rate_interval]))": (
                "{{pool_name}}"
            )
        },
    ),
    Panel(
        9,
        "Statements",
        "95 of a hundred statements of each kind were done within this time.",
        "s",
        {
            _quantile(
                0.95, "db_client_operation_duration_seconds", "db_operation_name", _SERVICE
            ): "{{db_operation_name}}"
        },
    ),
)

CALLS = (
    Panel(
        10,
        "Calls to others",
        "Attempts a second to call other services and the payment gateway, by answer or by what went wrong.",
        "reqps",
        {
            "sum by (server_address, http_response_status_code, error_type) "
            f"(rate(http_client_request_duration_seconds_count{{{_SERVICE}}}[$__rate_interval]))": (
                "{{server_address}} {{http_response_status_code}}{{error_type}}"
            )
        },
    ),
    Panel(
        11,
        "Time of a call",
        "95 of a hundred attempts were over within this time.",
        "s",
        {_quantile(0.95, "http_client_request_duration_seconds", "server_address", _SERVICE): "{{server_address}}"},
    ),
    Panel(
        12,
        "Breakers",
        "0 closed, 1 one probe is let through, 2 open: calls to this peer fail at once.",
        "none",
        {
            f"max by (service, server_address) (http_client_circuit_breaker_state{{{_SERVICE}}})": (
                "{{service}} to {{server_address}}"
            )
        },
        thresholds=(2,),
    ),
)

PODS = (
    Panel(
        13,
        "CPU",
        "Cores that each web pod uses (cAdvisor).",
        "none",
        {f"sum by (pod) (rate(container_cpu_usage_seconds_total{{{_PODS}}}[$__rate_interval]))": "{{pod}}"},
    ),
    Panel(
        14,
        "Memory",
        "Memory of each web pod that cannot be taken back (cAdvisor).",
        "bytes",
        {f"sum by (pod) (container_memory_working_set_bytes{{{_PODS}}})": "{{pod}}"},
    ),
    Panel(
        15,
        "Throttling",
        "Share of the scheduler's periods in which a pod was held back by its CPU limit (cAdvisor).",
        "percentunit",
        {
            f"sum by (pod) (rate(container_cpu_cfs_throttled_periods_total{{{_PODS}}}[$__rate_interval])) "
            f"/ sum by (pod) (rate(container_cpu_cfs_periods_total{{{_PODS}}}[$__rate_interval]))": "{{pod}}"
        },
    ),
    Panel(
        16,
        "Restarts",
        "Containers started again in the last hour (kube-state-metrics).",
        "none",
        {f"sum by (pod) (increase(kube_pod_container_status_restarts_total{{{_PODS}}}[1h]))": "{{pod}}"},
    ),
    Panel(
        17,
        "Replicas",
        "Ready web pods between the bounds of the autoscaler (kube-state-metrics).",
        "none",
        {
            'kube_deployment_status_replicas_ready{namespace=~"$namespace", deployment=~"($service)-web"}': (
                "{{deployment}} ready"
            ),
            'kube_horizontalpodautoscaler_spec_min_replicas{namespace=~"$namespace", '
            'horizontalpodautoscaler=~"($service)-web"}': "{{horizontalpodautoscaler}} least",
            'kube_horizontalpodautoscaler_spec_max_replicas{namespace=~"$namespace", '
            'horizontalpodautoscaler=~"($service)-web"}': "{{horizontalpodautoscaler}} most",
        },
    ),
)

HTTP_SERVICE = Dashboard(
    uid="waybill-http",
    title="Waybill / HTTP service",
    description="One service's requests, database and calls, and the pods of its web.",
    panels=(*REQUESTS, *DATABASE, *CALLS, *PODS),
    variables=(
        Variable("namespace", "label_values(app_build_info, namespace)"),
        Variable("service", "label_values(http_server_request_duration_seconds_count, service)"),
        Variable(
            "route",
            'label_values(http_server_request_duration_seconds_count{service=~"$service"}, http_route)',
        ),
    ),
)
