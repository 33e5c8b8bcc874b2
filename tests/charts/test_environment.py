"""The charts and the settings classes agree: equal names, values that load, connections that the servers have."""

import base64
import re

import pytest
from pydantic import SecretStr
from waybill_common.database.engine import EngineOptions
from waybill_common.settings import SettingsError, load_settings
from waybill_common.settings.service import variable_name

from tests.charts.manifests import at, environment, of_kind, workloads
from tools.charts.install import ROOT
from tools.charts.render import CHARTS, Case, cases, objects, parse
from tools.write_settings import settings_of

SERVICES = ("auth", "orders", "notifier")
# Read by gunicorn, prometheus_client, OpenTelemetry, the official images and `helm test`, not by the settings classes.
FOREIGN = re.compile(r"PROMETHEUS_|GUNICORN_CMD_ARGS$|OTEL_|POSTGRES_|PG|RABBITMQ_|ERL_|(BASE|CALLS)$")
# Not in the settings classes: read by the mail catcher, see docs/settings.md under "This machine".
STANDALONE = {"WAYBILL_HOME", "WAYBILL_MAIL_WEB_PORT", "WAYBILL_MAIL_SMTP_PORT"}


def variables(service, *, secret=None):
    """The variables of a service's settings class, all of them or only the secret or the other ones."""
    settings = settings_of(service)
    return {
        variable_name(settings, name)
        for name, field in settings.model_fields.items()
        if secret is None or (field.annotation is SecretStr) is secret
    }


@pytest.mark.parametrize("service", SERVICES)
def test_the_schema_of_a_chart_has_exactly_the_settings_of_its_service(service):
    schema = parse((CHARTS / service / "values.schema.json").read_text(encoding="utf-8"))[0]["properties"]

    assert schema["config"]["properties"].keys() == variables(service, secret=False)
    assert schema["secrets"]["properties"].keys() == variables(service, secret=True)
    assert schema["config"]["additionalProperties"] is False
    assert schema["secrets"]["additionalProperties"] is False


@pytest.mark.parametrize("case", cases(), ids=str)
def test_containers_set_only_variables_that_somebody_reads(case):
    rendered = objects(case)
    for pod in workloads(rendered):
        known = variables(pod.service if pod.service in SERVICES else "sandbox") | STANDALONE
        for container in pod.containers:
            names = environment(rendered, container).keys()
            unknown = {name for name in names if not FOREIGN.match(name)} - {
                *known,
                *(f"{each}_FILE" for each in known),
            }
            assert unknown == set(), f"{pod}, container {container['name']}"


def secrets():
    """What dev-deps puts into its Secrets: (Secret, key) → value."""
    return {
        (each["metadata"]["name"], key): base64.b64decode(value)
        for each in of_kind(objects(Case("dev-deps")), "Secret")
        for key, value in each["data"].items()
    }


def as_it_starts(rendered, pod, container, folder):
    """A container's environment, with what is mounted from Secrets written to a folder."""
    known = secrets()
    mounts = {each["name"]: each["mountPath"] for each in container["volumeMounts"]}
    files = {}
    for volume in pod.spec["volumes"]:
        for source in at(volume, "projected.sources") or []:
            for item in source["secret"]["items"]:
                content = known[source["secret"]["name"], item["key"]]
                (folder / item["path"]).write_bytes(content)
                files[f"{mounts[volume['name']]}/{item['path']}"] = str(folder / item["path"])
    return {name: files.get(value, value) for name, value in environment(rendered, container).items()}


def processes():
    rendered = objects(Case("platform", "dev-values.yaml"))
    return [pytest.param(rendered, pod, id=str(pod)) for pod in workloads(rendered) if pod.component != "test"]


@pytest.mark.parametrize(("rendered", "pod"), processes())
def test_every_process_starts_with_what_its_pod_is_given(rendered, pod, tmp_path):
    for container in pod.containers:
        settings = load_settings(settings_of(pod.service), as_it_starts(rendered, pod, container, tmp_path))

        assert settings.database_url.get_secret_value().endswith(f"@postgres:5432/{pod.service}")
        if pod.component in {"relay", "consumer"}:
            assert "@rabbitmq:5672" in settings.amqp_url.get_secret_value()
        ports = {port["name"]: port["containerPort"] for port in container.get("ports", [])}
        if pod.component == "web" and ports:
            assert ports == {"http": settings.web_port, "internal": settings.internal_port}
        elif ports:
            assert ports == {"internal": settings.admin_port}


def test_a_process_without_its_secrets_does_not_start(tmp_path):
    (web,) = [each.values for each in processes() if each.id == "Deployment/auth-web"]
    given = as_it_starts(web[0], web[1], web[1].containers[-1], tmp_path)
    del given["WAYBILL_AUTH_PEPPERS_FILE"]

    with pytest.raises(SettingsError, match="WAYBILL_AUTH_PEPPERS"):
        load_settings(settings_of("auth"), given)


def connections(rendered, service):
    """What a service may open at most while each Deployment has one pod more than it should."""
    most = 0
    scaled = {
        each["spec"]["scaleTargetRef"]["name"]: each["spec"] for each in of_kind(rendered, "HorizontalPodAutoscaler")
    }
    for pod in workloads(rendered):
        if pod.service != service or not pod.ours:
            continue
        name = pod.source["metadata"]["name"]
        replicas = scaled[name]["maxReplicas"] if name in scaled else pod.source["spec"].get("replicas", 1)
        given = environment(rendered, pod.spec["containers"][0])
        workers = int(given["WAYBILL_WEB_WORKERS"]) if pod.component == "web" else 1
        pool = int(given[f"WAYBILL_{service.upper()}_DATABASE_POOL_SIZE"]) + EngineOptions.max_overflow
        most += (replicas + pod.source["spec"]["strategy"]["rollingUpdate"]["maxSurge"]) * workers * pool
    return most


@pytest.mark.parametrize(
    ("place", "settings"),
    [("staging", []), ("production", ["web.autoscaling.enabled=true"])],
    ids=["staging", "production"],
)
def test_the_databases_have_the_connections_that_the_pools_may_open(place, settings):
    clusters = {
        each["metadata"]["name"]: int(at(each, "spec.postgresql.parameters.max_connections"))
        for each in parse((ROOT / "k8s" / place / "databases.yaml").read_text(encoding="utf-8"))
        if each["kind"] == "Cluster"
    }
    for service in SERVICES:
        rendered = objects(Case(service, "staging-values.yaml"), *settings)
        assert 0 < connections(rendered, service) < clusters[f"{service}-db"]


def test_the_one_server_of_a_laptop_has_the_connections_of_all_services():
    (server,) = of_kind(objects(Case("dev-deps")), "StatefulSet")[:1]
    limit = int(re.search(r"max_connections=(\d+)", str(server))[1])
    rendered = objects(Case("platform"))

    assert 0 < sum(connections(rendered, service) for service in SERVICES) < limit
