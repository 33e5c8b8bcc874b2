"""The objects of k8s/: valid by the operators' own definitions, and named as the charts look for what they make."""

import copy
import shutil
from pathlib import Path

import jsonschema
import pytest
import yaml

from tools.charts.operator_definitions import definitions

ROOT = Path(__file__).resolve().parents[2]
ENVIRONMENTS = ("staging", "production")
SERVICES = ("auth", "orders", "notifier")
pytestmark = pytest.mark.unit

# Of the API reference of RabbitMQ Cluster Operator 2: its definition cannot be fetched here as CloudNativePG's can.
BROKER_FIELDS = {
    "affinity",
    "image",
    "imagePullSecrets",
    "override",
    "persistence",
    "rabbitmq",
    "replicas",
    "resources",
    "service",
    "skipPostDeploySteps",
    "terminationGracePeriodSeconds",
    "tls",
    "tolerations",
}


def objects(environment, kind=None):
    found = []
    for path in sorted((ROOT / "k8s" / environment).glob("*.yaml")):
        found += yaml.load_all(path.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)
    return [each for each in found if kind in (None, each["kind"])]


def strict(schema):
    """The same schema, refusing the unknown fields that Kubernetes would silently drop."""
    if isinstance(schema, list):
        return [strict(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    stricter = {key: strict(value) for key, value in schema.items()}
    if isinstance(stricter.get("properties"), dict) and not stricter.get("x-kubernetes-preserve-unknown-fields"):
        stricter.setdefault("additionalProperties", False)
    if stricter.get("x-kubernetes-int-or-string") is True:
        stricter.pop("type", None)
    return stricter


@pytest.fixture(scope="module")
def known():
    if shutil.which("go") is None:
        pytest.skip("not run: the definitions come out of a Go module, and go is not installed")
    found = {key: strict(schema) for key, schema in definitions().items()}
    for schema in found.values():
        schema["properties"]["metadata"] = {"type": "object"}  # the API server knows it, the definition does not
    return found


def faults(known, each):
    schema = known[each["apiVersion"], each["kind"]]
    return [
        f"{fault.json_path}: {fault.message}" for fault in jsonschema.Draft202012Validator(schema).iter_errors(each)
    ]


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_the_database_objects_are_valid_by_the_operators_definitions(known, environment):
    ours = [each for each in objects(environment) if each["apiVersion"].startswith("postgresql.cnpg.io/")]
    assert sorted(each["kind"] for each in ours) == ["Cluster"] * 3 + ["ScheduledBackup"] * 3
    assert {each["metadata"]["name"]: faults(known, each) for each in ours} == {
        each["metadata"]["name"]: [] for each in ours
    }


def test_a_wrong_field_or_value_of_a_database_object_is_found(known):
    (cluster, *_) = objects("staging", "Cluster")
    misspelt, mistyped = copy.deepcopy(cluster), copy.deepcopy(cluster)
    misspelt["spec"]["storage"]["sise"] = "5Gi"
    mistyped["spec"]["primaryUpdateStrategy"] = "whenever"
    assert "sise" in faults(known, misspelt)[0]
    assert "whenever" in faults(known, mistyped)[0]


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_the_broker_uses_only_fields_that_its_operator_has(environment):
    (broker,) = objects(environment, "RabbitmqCluster")
    assert broker["apiVersion"] == "rabbitmq.com/v1beta1"
    assert set(broker["spec"]) - BROKER_FIELDS == set()
    # Two nodes lose the majority when one is away, and the operator's own grace is a week.
    assert broker["spec"]["replicas"] in (1, 3)
    assert broker["spec"]["terminationGracePeriodSeconds"] <= 600


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_the_broker_is_scraped_as_a_whole_and_by_the_queue(environment):
    (monitor,) = objects(environment, "PodMonitor")
    (broker,) = objects(environment, "RabbitmqCluster")
    assert monitor["spec"]["selector"]["matchLabels"] == {"app.kubernetes.io/name": broker["metadata"]["name"]}
    whole, detailed = monitor["spec"]["podMetricsEndpoints"]
    assert "path" not in whole
    assert detailed["path"] == "/metrics/detailed"
    assert detailed["params"] == {"family": ["queue_coarse_metrics", "queue_consumer_count"]}


@pytest.mark.parametrize("environment", ENVIRONMENTS)
@pytest.mark.parametrize("service", SERVICES)
def test_the_charts_look_for_the_secrets_that_the_operators_write(environment, service):
    values = yaml.safe_load((ROOT / "charts" / service / "values.yaml").read_text(encoding="utf-8"))
    secrets = {name: (each["existingSecret"], each["key"]) for name, each in values["secrets"].items()}
    databases = {each["metadata"]["name"] for each in objects(environment, "Cluster")}
    (broker,) = objects(environment, "RabbitmqCluster")
    assert secrets[f"WAYBILL_{service.upper()}_DATABASE_URL"] == (f"{service}-db-app", "uri")
    assert f"{service}-db" in databases
    if "WAYBILL_AMQP_URL" in secrets:
        assert secrets["WAYBILL_AMQP_URL"] == (f"{broker['metadata']['name']}-default-user", "connection_string")


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_every_database_is_backed_up(environment):
    databases = {each["metadata"]["name"] for each in objects(environment, "Cluster")}
    assert {each["spec"]["cluster"]["name"] for each in objects(environment, "ScheduledBackup")} == databases


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_the_namespace_enforces_the_restricted_profile_and_holds_everything(environment):
    (namespace,) = objects(environment, "Namespace")
    labels = namespace["metadata"]["labels"]
    for mode in ("enforce", "audit", "warn"):
        assert labels[f"pod-security.kubernetes.io/{mode}"] == "restricted"
        assert labels[f"pod-security.kubernetes.io/{mode}-version"] == "v1.34"
    others = [each for each in objects(environment) if each["kind"] != "Namespace"]
    assert {each["metadata"]["namespace"] for each in others} == {namespace["metadata"]["name"]}


@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_environments_have_the_same_objects(environment):
    names = {(each["kind"], each["metadata"]["name"]) for each in objects(environment) if each["kind"] != "Namespace"}
    assert names == {
        (each["kind"], each["metadata"]["name"]) for each in objects("staging") if each["kind"] != "Namespace"
    }
