"""charts/dev-deps: services start with its Secrets, its doors open to whom they should, and nothing in it is random."""

import base64
import re

import pytest
import waybill_auth.config
import waybill_notifier.config
import waybill_orders.config
import yaml
from waybill_auth.domain.clients import read_clients
from waybill_common.settings import load_settings

from tests.charts.manifests import at, of_kind, selects, workloads
from tools.charts.render import CHARTS, Case, RenderError, objects, render

CHART = Case("dev-deps")
SETTINGS = {
    "auth": waybill_auth.config.Settings,
    "orders": waybill_orders.config.Settings,
    "notifier": waybill_notifier.config.Settings,
}
WORKLOADS = {
    "auth": ("web", "relay", "worker", "migrate", "test"),
    "orders": ("web", "relay", "consumer", "worker", "migrate", "test"),
    "notifier": ("web", "consumer", "worker", "migrate", "test"),
}
pytestmark = pytest.mark.unit


def secrets():
    """Every Secret by its name, decoded."""
    return {
        each["metadata"]["name"]: {key: base64.b64decode(value).decode() for key, value in each["data"].items()}
        for each in of_kind(objects(CHART), "Secret")
    }


def wanted(service):
    """The settings of a service that are secrets: variable → (Secret, key), as its chart has them by default."""
    values = yaml.safe_load((CHARTS / service / "values.yaml").read_text(encoding="utf-8"))
    return {name: (each["existingSecret"], each["key"]) for name, each in values["secrets"].items()}


@pytest.mark.parametrize("service", SETTINGS)
def test_a_service_starts_with_the_secrets_that_its_chart_asks_for(service):
    made = secrets()
    environment = {name: made[secret][key] for name, (secret, key) in wanted(service).items()}
    settings = load_settings(SETTINGS[service], environment)
    assert settings.database_url.get_secret_value().endswith(f"@postgres:5432/{service}")


@pytest.mark.parametrize("service", ["orders", "notifier"])
def test_auth_knows_the_client_of_each_service_by_the_secret_it_has(service):
    made = secrets()
    values = yaml.safe_load((CHARTS / service / "values.yaml").read_text(encoding="utf-8"))
    clients = {client.id: client for client in read_clients(made["auth-keys"]["clients"])}
    client = clients[values["config"][f"WAYBILL_{service.upper()}_CLIENT_ID"]]
    assert client.accepts(made[f"{service}-app"]["client-secret"])
    assert not client.accepts("another secret")


def test_database_secrets_have_the_fields_that_cloudnativepg_writes():
    for name, data in secrets().items():
        if name.endswith("-db-app"):
            expected = "postgresql://{username}:{password}@{host}:{port}/{dbname}".format_map(data)
            assert data["uri"] == expected, name


def test_every_secret_says_that_it_is_for_development():
    for name, data in secrets().items():
        if name != "notifier-smtp":
            decoded = " ".join(data.values())
            keys = [
                base64.b64decode(part).decode(errors="replace")
                for part in re.findall(r"[:_]([A-Za-z0-9+/]{43}=)", decoded)
            ]
            assert "waybill-dev-only" in " ".join([decoded, *keys]), name


def test_nothing_is_random_or_looked_up():
    templates = "".join(path.read_text(encoding="utf-8") for path in (CHARTS / "dev-deps" / "templates").iterdir())
    found = re.search(r"\b(lookup|rand[A-Z]\w+|gen[A-Z]\w+|uuidv4|now|htpasswd|bcrypt)\b", templates)
    assert found is None


@pytest.mark.parametrize("environment", ["production", "staging", ""])
def test_it_refuses_to_stand_under_anything_but_development(environment):
    with pytest.raises(RenderError, match="env"):
        render(CHART, f"env={environment}")
    with pytest.raises(RenderError, match="additional properties 'postgress' not allowed"):
        render(CHART, "postgress.uid=1")
    assert render(CHART, "env=preview")


def callers():
    """The labels of every pod of the platform and of this chart, as (name, component)."""
    for service, components in WORKLOADS.items():
        for component in components:
            yield service, component
    for part in ("gateway", "mail", "postgres", "rabbitmq"):
        yield part, ""
    yield "stranger", ""


def labels_of(name, component):
    labels = {"app.kubernetes.io/name": name}
    if name != "stranger":
        labels |= {"app.kubernetes.io/part-of": "waybill", "app.kubernetes.io/instance": "dev-deps"}
    return labels | ({"app.kubernetes.io/component": component} if component else {})


def let_in(policy, port):
    """Who reaches a port, from this namespace."""
    rules = [rule for rule in policy["spec"]["ingress"] if port in [each["port"] for each in rule["ports"]]]
    peers = [peer["podSelector"] for rule in rules for peer in rule["from"] if "podSelector" in peer]
    return {caller for caller in callers() if any(selects(peer, labels_of(*caller)) for peer in peers)}


EVERY_TEST = {(service, "test") for service in WORKLOADS}
EDGES = {
    ("postgres", 5432): {
        *((service, component) for service, some in WORKLOADS.items() for component in some if component != "test"),
        ("gateway", ""),
    },
    ("rabbitmq", 5672): {("auth", "relay"), ("orders", "relay"), ("orders", "consumer"), ("notifier", "consumer")},
    ("rabbitmq", 15672): set(),
    ("rabbitmq", 15692): set(),
    ("gateway", 8084): {("orders", "web"), ("orders", "worker")} | EVERY_TEST,
    ("mail", 1025): {("notifier", "worker")},
    ("mail", 8025): EVERY_TEST,
}


@pytest.mark.parametrize(("part", "port"), EDGES)
def test_each_door_opens_to_those_who_have_a_use_for_it(part, port):
    policies = {each["metadata"]["name"]: each for each in of_kind(objects(CHART), "NetworkPolicy")}
    assert let_in(policies[part], port) == EDGES[part, port]


def test_every_pod_has_a_policy_for_both_ways_and_no_door_beyond_those_above():
    rendered = objects(CHART)
    policies = of_kind(rendered, "NetworkPolicy")
    for workload in workloads(rendered):
        (policy,) = [each for each in policies if selects(each["spec"]["podSelector"], workload.labels)]
        assert policy["spec"]["policyTypes"] == ["Ingress", "Egress"]
        ports = {each["port"] for rule in policy["spec"]["ingress"] for each in rule["ports"]}
        assert ports == {port for part, port in EDGES if part == workload.service}
        # A rule without `from` would let everybody in.
        assert all(rule["from"] for rule in policy["spec"]["ingress"])


def test_pods_do_with_what_the_restricted_profile_leaves_them():
    found = list(workloads(objects(CHART)))
    assert {str(each) for each in found} == {
        "StatefulSet/postgres",
        "StatefulSet/rabbitmq",
        "Deployment/gateway",
        "Deployment/mail",
    }
    for workload in found:
        assert at(workload.spec, "securityContext.runAsNonRoot") is True
        assert at(workload.spec, "securityContext.runAsUser") > 0
        assert at(workload.spec, "securityContext.seccompProfile.type") == "RuntimeDefault"
        assert workload.spec["automountServiceAccountToken"] is False
        assert workload.spec["enableServiceLinks"] is False
        for container in workload.containers:
            context = container["securityContext"]
            assert context["readOnlyRootFilesystem"] is True
            assert context["allowPrivilegeEscalation"] is False
            assert context["capabilities"] == {"drop": ["ALL"]}


def test_a_digest_wins_over_a_tag_and_a_mirror_over_each_registry():
    digest = f"sha256:{'0' * 64}"
    rendered = objects(CHART, f"sandbox.image.digest={digest}", "global.imageRegistry=mirror.example")
    images = {container["image"] for workload in workloads(rendered) for container in workload.containers}
    assert images == {
        "mirror.example/library/postgres:18",
        "mirror.example/library/rabbitmq:4.3-management",
        f"mirror.example/waybill/sandbox@{digest}",
    }
