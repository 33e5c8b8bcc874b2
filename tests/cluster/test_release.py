"""Installed, upgraded and rolled back while people order: no request fails, nothing is lost, nothing is doubled."""

from __future__ import annotations

import pytest

from tests.chaos.api import Account
from tests.chaos.history import History
from tests.cluster.deployment import SERVICES, Deployment
from tests.cluster.kube import KubeError
from tests.cluster.load import SteadyLoad
from tests.cluster.verdict import findings

pytestmark = pytest.mark.cluster

PROCESSES = {
    "auth": ("web", "relay", "worker"),
    "orders": ("web", "relay", "consumer", "worker"),
    "notifier": ("web", "consumer", "worker"),
}


@pytest.mark.short
def test_every_process_runs_twice_where_only_restricted_pods_may(deployment: Deployment) -> None:
    for service, processes in PROCESSES.items():
        for process in processes:
            assert len(deployment.pods(service, process)) == 2, (service, process)
    (namespace,) = deployment.kube.get("namespace", "--field-selector", f"metadata.name={deployment.kube.namespace}")
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"


@pytest.mark.short
def test_a_privileged_pod_is_refused(deployment: Deployment) -> None:
    with pytest.raises(KubeError, match="violates PodSecurity"):
        deployment.kube.apply(deployment.manifest("privileged-pod"))


@pytest.mark.short
def test_an_upgrade_and_the_way_back_fail_no_request(
    deployment: Deployment, customers: list[Account], history: History
) -> None:
    with SteadyLoad(deployment.urls, customers, history) as load:
        load.run_for(10)
        deployment.upgrade_to_next()
        after_upgrade = deployment.schema("orders")
        load.run_for(10)
        deployment.roll_back()
        load.run_for(10)
    print(f"\nupgrade and rollback: {load.summary()}", *load.failures[:20], sep="\n")
    assert (after_upgrade, deployment.schema("orders")) == ("0002", "0002")
    assert load.failures == []
    assert findings(deployment, history) == []


def test_one_service_rolls_alone(deployment: Deployment, customers: list[Account], history: History) -> None:
    before = {service: _names(deployment, service) for service in SERVICES}
    with SteadyLoad(deployment.urls, customers, history) as load:
        deployment.upgrade_to_next("orders")
        rolled = _names(deployment, "orders")
        deployment.roll_back()
    assert load.failures == []
    assert not rolled & before["orders"]
    assert _names(deployment, "auth") == before["auth"]
    assert _names(deployment, "notifier") == before["notifier"]
    assert findings(deployment, history) == []


def test_without_a_wait_before_sigterm_requests_fail(
    deployment: Deployment, customers: list[Account], history: History
) -> None:
    """The negative control: the load does notice what the pause before SIGTERM is for."""
    hasty = [part for service in SERVICES for part in ("--set", f"{service}.web.preStopSleepSeconds=0")]
    deployment.upgrade_to_now(*hasty)
    try:
        with SteadyLoad(deployment.urls, customers, history) as load:
            for _ in range(5):
                deployment.kube.kubectl("rollout", "restart", "deploy/orders-web", "deploy/auth-web")
                deployment.kube.kubectl("rollout", "status", "deploy/orders-web", "--timeout=5m")
                deployment.kube.kubectl("rollout", "status", "deploy/auth-web", "--timeout=5m")
                if load.failures:
                    break
        print(f"\nwithout preStop: {load.summary()}")
        assert load.failures
    finally:
        deployment.upgrade_to_now()


def _names(deployment: Deployment, service: str) -> set[str]:
    return {pod["metadata"]["name"] for process in PROCESSES[service] for pod in deployment.pods(service, process)}
