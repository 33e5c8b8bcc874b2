"""Which metrics an expression reads, and which there are: the contract's, the recorded ones, and those of others."""

from __future__ import annotations

import json
import re
from pathlib import Path

from tests.observability.promtool import rules

CONTRACTS = Path(__file__).resolve().parents[2] / "contracts/metrics"

BROKER = "RabbitMQ's port 15692, as RabbitMQ 3.10 names them"
PROMETHEUS = "Prometheus makes them itself"
CLUSTER = "kube-state-metrics, cAdvisor, cert-manager or KEDA: only in a cluster"
# Metrics that no service of ours exports, and who does.
FOREIGN = {
    "ALERTS": PROMETHEUS,
    "up": PROMETHEUS,
    "rabbitmq_alarms_free_disk_space_watermark": BROKER,
    "rabbitmq_alarms_memory_used_watermark": BROKER,
    "rabbitmq_connections_opened_total": BROKER,
    "rabbitmq_detailed_queue_consumers": BROKER,
    "rabbitmq_detailed_queue_messages": BROKER,
    "rabbitmq_detailed_queue_messages_ready": BROKER,
    "rabbitmq_detailed_queue_messages_unacked": BROKER,
    "rabbitmq_global_messages_acknowledged_total": BROKER,
    "rabbitmq_global_messages_delivered_total": BROKER,
    "rabbitmq_global_messages_received_total": BROKER,
    "rabbitmq_global_messages_redelivered_total": BROKER,
    "rabbitmq_global_messages_unroutable_dropped_total": BROKER,
    "rabbitmq_global_messages_unroutable_returned_total": BROKER,
    "certmanager_certificate_expiration_timestamp_seconds": CLUSTER,
    "container_cpu_cfs_periods_total": CLUSTER,
    "container_cpu_cfs_throttled_periods_total": CLUSTER,
    "container_cpu_usage_seconds_total": CLUSTER,
    "container_memory_working_set_bytes": CLUSTER,
    "keda_scaler_metrics_value": CLUSTER,
    "kube_deployment_status_replicas_ready": CLUSTER,
    "kube_horizontalpodautoscaler_spec_max_replicas": CLUSTER,
    "kube_horizontalpodautoscaler_spec_min_replicas": CLUSTER,
    "kube_job_failed": CLUSTER,
    "kube_pod_container_status_restarts_total": CLUSTER,
}
_WORDS = {"and", "or", "unless", "offset", "bool", "by", "without", "on", "ignoring", "group_left", "group_right"}
_LABELS = re.compile(r"\b(?:by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)")
_NAME = re.compile(r"(?<![\w.:])([a-zA-Z_:][\w:]*)(?!\s*\()(?![\w:])")
_VARIABLES = {"$__rate_interval": "1m", "$namespace": ".*", "$service": ".*", "$route": ".*"}


def filled(expression: str) -> str:
    """Put values in the place of Grafana's variables: all of everything."""
    for name, value in _VARIABLES.items():
        expression = expression.replace(name, value)
    return expression


def read_by(expression: str) -> set[str]:
    """Return the names of the metrics in an expression that parses."""
    bare = re.sub(r'"(?:[^"\\]|\\.)*"', "", expression)
    bare = re.sub(r"\{[^}]*\}|\[[^\]]*\]", "", bare)
    return set(_NAME.findall(_LABELS.sub("", bare))) - _WORDS


def exported() -> set[str]:
    """Return the series of the services, as their contracts have them."""
    names = set()
    for file in CONTRACTS.glob("*.json"):
        for metric in json.loads(file.read_text(encoding="utf-8"))["metrics"]:
            suffixes = ("_bucket", "_count", "_sum") if metric["type"] == "histogram" else ("",)
            names |= {metric["name"] + suffix for suffix in suffixes}
    return names


def known() -> set[str]:
    """Return every name that a panel or a rule may use."""
    return exported() | {rule["record"] for rule in rules() if "record" in rule} | set(FOREIGN)
