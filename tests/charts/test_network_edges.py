"""Who may connect to whom, worked out from the rendered NetworkPolicies, is exactly what is documented."""

import copy

import pytest

from tests.charts.manifests import of_kind, workloads
from tests.charts.network import Peer, edges, written
from tools.charts.install import ROOT
from tools.charts.render import Case, objects, parse

DNS, OTLP = ((53, "TCP"), (53, "UDP")), ((4317, "TCP"), (4318, "TCP"))
WEB = ((443, "TCP"), (465, "TCP"), (587, "TCP"), (80, "TCP"), (5432, "TCP"), *DNS)


def elsewhere(name, *listens, address="10.244.1.7"):
    return Peer(name, listens, namespace={"kubernetes.io/metadata.name": name}, address=address)


OUTSIDE = [
    elsewhere("kube-system", *DNS, (443, "TCP")),
    elsewhere("monitoring", *OTLP, *DNS, (9090, "TCP")),
    elsewhere("gateway-system", (80, "TCP")),
    elsewhere("keda"),
    elsewhere("cnpg-system"),
    elsewhere("rabbitmq-system"),
    elsewhere("strangers", (80, "TCP"), (443, "TCP")),
    Peer("stranger", labels={"app.kubernetes.io/part-of": "shop"}),
    Peer("internet", WEB, namespace=None, address="203.0.113.7"),
    Peer("private-net", WEB, namespace=None, address="192.168.7.7"),
    Peer(
        "e2e",
        labels={
            "app.kubernetes.io/name": "e2e",
            "app.kubernetes.io/component": "test",
            "app.kubernetes.io/part-of": "waybill",
        },
    ),
]
# kubernetes.md §3.3; gateway-system is the way in for people, monitoring is Prometheus. The collector of traces, which
# is there too, is nobody's edge until a value names it.
SERVICES = """
gateway-system -> auth.web:8081 orders.web:8082 notifier.web:8083
{orders,notifier}.{web,consumer,worker} -> auth.web:8081
{auth,orders}.{web,relay,worker} orders.consumer notifier.{web,consumer,worker} {auth,orders,notifier}.migrate -> {D}
{auth,orders,notifier}.test -> {D}
auth.test -> auth.web:8081
orders.test -> orders.web:8082
notifier.test -> notifier.web:8083
monitoring -> auth.web:9081 orders.web:9082 notifier.web:9083
monitoring -> {auth,orders}.{relay,worker}:9090 orders.consumer:9090 notifier.{consumer,worker}:9090
notifier.worker -> internet:443
""".replace("{D}", "kube-system:53 kube-system:53/UDP")
DEV = f"""{SERVICES}
{{auth,orders}}.{{web,relay,worker}} orders.consumer notifier.{{web,consumer,worker}} -> postgres:5432
{{auth,orders,notifier}}.migrate gateway -> postgres:5432
{{auth,orders}}.relay {{orders,notifier}}.consumer -> rabbitmq:5672
orders.web orders.worker -> gateway:8084
gateway -> orders.web:8082
gateway -> kube-system:53 kube-system:53/UDP
notifier.worker -> mail:1025
monitoring -> rabbitmq:15692
keda -> rabbitmq:15672
e2e -> auth.web:8081 orders.web:8082 notifier.web:8083 gateway:8084 mail:8025 kube-system:53 kube-system:53/UDP
"""
STAGING = f"""{SERVICES}
auth.{{web,relay,worker,migrate}} -> auth-db:5432
orders.{{web,relay,consumer,worker,migrate}} -> orders-db:5432
notifier.{{web,consumer,worker,migrate}} -> notifier-db:5432
{{auth,orders}}.relay {{orders,notifier}}.consumer -> broker:5672
notifier.worker -> internet:465 internet:587
monitoring -> broker:15692 {{auth,orders,notifier}}-db:9187
keda rabbitmq-system -> broker:15672
cnpg-system -> {{auth,orders,notifier}}-db:5432 {{auth,orders,notifier}}-db:8000
"""


def pods(rendered):
    """Every pod of the charts as a peer that listens on its ports, and on one that nobody may reach."""
    for each in workloads(rendered):
        ports = [(port["containerPort"], "TCP") for one in each.spec["containers"] for port in one.get("ports", [])]
        name = each.service if each.component in {"", each.service} else f"{each.service}.{each.component}"
        yield Peer(name, (*ports, (1, "TCP")), each.labels)


def dev():
    rendered = [*objects(Case("platform", "dev-values.yaml")), *objects(Case("dev-deps"))]
    return of_kind(rendered, "NetworkPolicy"), [*pods(rendered), *OUTSIDE]


def staging():
    charts = ("auth", "orders", "notifier", "platform")
    rendered = [each for chart in charts for each in objects(Case(chart, "staging-values.yaml"))]
    rendered += parse((ROOT / "k8s/staging/network-policies.yaml").read_text(encoding="utf-8"))
    databases = [
        Peer(f"{service}-db", ((5432, "TCP"), (8000, "TCP"), (9187, "TCP")), {"cnpg.io/cluster": f"{service}-db"})
        for service in ("auth", "orders", "notifier")
    ]
    broker = Peer(
        "broker", tuple((port, "TCP") for port in (5672, 15672, 15692)), {"app.kubernetes.io/name": "waybill-mq"}
    )
    return of_kind(rendered, "NetworkPolicy"), [*pods(rendered), *databases, broker, *OUTSIDE]


def of_the_services(found):
    """Leave out what strangers do among themselves, and operators' pods with each other and the API server."""
    return {
        edge for edge in found if not edge.startswith(("stranger ", "auth-db", "orders-db", "notifier-db", "broker"))
    }


@pytest.mark.parametrize(("place", "documented"), [(dev, DEV), (staging, STAGING)], ids=["dev", "staging"])
def test_exactly_the_documented_connections_are_let_through(place, documented):
    policies, peers = place()

    found = of_the_services(edges(policies, peers))

    assert sorted(found - written(documented)) == [], "let through, but not documented"
    assert sorted(written(documented) - found) == [], "documented, but not let through"


def test_the_collector_of_traces_is_reached_where_a_value_names_it():
    peers = "networkPolicy.edges.otlp.peers[0].namespaceSelector.matchLabels.kubernetes\\.io/metadata\\.name=monitoring"
    rendered = objects(Case("orders"), peers)

    found = edges(of_kind(rendered, "NetworkPolicy"), [*pods(rendered), *OUTSIDE])

    assert {f"orders.{process} -> monitoring:4318" for process in ("web", "relay", "consumer", "worker")} <= found
    assert not {edge for edge in found if edge.startswith("orders.") and edge.endswith("monitoring:4317")}


def change(policies, name, **spec):
    changed = copy.deepcopy(policies)
    (policy,) = [each for each in changed if each["metadata"]["name"] == name]
    policy["spec"].update(spec)
    return changed


@pytest.mark.parametrize(
    ("name", "spec", "opened"),
    [
        ("orders-web", {"egress": [{}]}, "orders.web -> internet:443"),
        ("default-deny", {"ingress": [{}], "egress": [{}]}, "orders.web -> strangers:80"),
        ("auth-web", {"ingress": [{"from": [], "ports": [{"port": 8081}]}]}, "stranger -> auth.web:8081"),
        ("postgres", {"ingress": [{"from": [{"podSelector": {}}]}]}, "stranger -> postgres:5432"),
        ("mail", {"ingress": [{"from": [{"namespaceSelector": {}}]}]}, "strangers -> mail:8025"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_policy_that_opens_too_much_is_noticed(name, spec, opened):
    policies, peers = dev()

    assert opened not in edges(policies, peers)
    assert opened in edges(change(policies, name, **spec), peers)


def test_a_policy_that_closes_an_edge_is_noticed():
    policies, peers = dev()

    assert "orders.relay -> rabbitmq:5672" not in edges(change(policies, "orders-relay", egress=[]), peers)
    assert "orders.relay -> rabbitmq:5672" not in edges(change(policies, "rabbitmq", ingress=[]), peers)


def test_a_pod_that_no_policy_names_reaches_nothing_and_is_reached_by_nobody():
    policies, peers = dev()
    labels = {"app.kubernetes.io/name": "parcels", "app.kubernetes.io/part-of": "waybill"}
    forgotten = Peer("forgotten", ((8080, "TCP"),), labels)

    found = edges(policies, [*peers, forgotten])

    assert [edge for edge in found if "forgotten" in edge] == []
