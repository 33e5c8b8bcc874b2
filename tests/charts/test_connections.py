"""The connections that a service may open stay below what its database takes, also in the middle of a roll-out."""

from pathlib import Path

import pytest
import yaml

from tools.charts.values import CHARTS

ROOT = Path(__file__).resolve().parents[2]
SERVICES = ("auth", "orders", "notifier")
# A roll-out adds one pod to each workload, the migration holds two, and the rest is for the operator and for people.
SURGE, MIGRATION, RESERVE = 1, 2, 10
pytestmark = pytest.mark.unit


def held(service, process, pool):
    """What one process may hold: its pools, its doorbell, and a listener where it waits for work."""
    if process == "relay":
        return 2  # no pool: a listener, and the session that drains the outbox
    pools = (
        pool * 2 + 2 if service == "orders" else pool
    )  # orders: also a pool in autocommit, and two in the background
    return pools + 1 + (process == "worker")


def most(values, process, grown):
    """The most pods of a workload: its replicas, or what the autoscalers may make of them."""
    workload = values[process]
    if not grown:
        return workload["replicas"]
    scalers = [workload.get("autoscaling", {}), workload.get("keda", {})]
    return max(workload["replicas"], *(scaler.get("maxReplicas", 0) for scaler in scalers))


def needed(service, *, grown):
    values = yaml.safe_load((CHARTS / service / "values.yaml").read_text(encoding="utf-8"))
    pool = values["config"][f"WAYBILL_{service.upper()}_DATABASE_POOL_SIZE"]
    total = MIGRATION + RESERVE
    for process in ("web", "relay", "consumer", "worker"):
        if process in values:
            processes = values["config"]["WAYBILL_WEB_WORKERS"] if process == "web" else 1
            total += (most(values, process, grown) + SURGE) * processes * held(service, process, pool)
    return total


def offered(environment):
    found = yaml.safe_load_all((ROOT / "k8s" / environment / "databases.yaml").read_text(encoding="utf-8"))
    return {
        each["metadata"]["name"]: int(each["spec"]["postgresql"]["parameters"]["max_connections"])
        for each in found
        if each["kind"] == "Cluster"
    }


@pytest.mark.parametrize(("environment", "grown"), [("staging", False), ("production", True)])
@pytest.mark.parametrize("service", SERVICES)
def test_a_database_takes_every_connection_that_its_service_may_open(service, environment, grown):
    assert needed(service, grown=grown) <= offered(environment)[f"{service}-db"]


def test_the_server_of_dev_deps_takes_the_connections_of_all_services():
    values = yaml.safe_load((CHARTS / "dev-deps" / "values.yaml").read_text(encoding="utf-8"))
    assert sum(needed(service, grown=False) for service in SERVICES) <= values["postgres"]["maxConnections"]


def test_the_numbers_of_the_guide_are_those_of_the_formula():
    guide = (ROOT / "docs" / "how-to" / "install-staging.md").read_text(encoding="utf-8")
    for service in SERVICES:
        row = next(line for line in guide.splitlines() if line.startswith(f"| `{service}-db` |"))
        numbers = [int(cell) for cell in row.strip("|").split("|")[1:]]
        assert numbers == [
            needed(service, grown=False),
            offered("staging")[f"{service}-db"],
            needed(service, grown=True),
            offered("production")[f"{service}-db"],
        ]
