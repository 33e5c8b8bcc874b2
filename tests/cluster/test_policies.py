"""Who may speak to whom, tried from inside the pods; skipped where the cluster enforces no policies."""

from __future__ import annotations

import pytest
from waybill_testkit.waiting import eventually

from tests.cluster.deployment import Deployment

pytestmark = pytest.mark.cluster

PORTS = {
    "auth": 8081,
    "orders": 8082,
    "notifier": 8083,
    "gateway": 8084,
    "postgres": 5432,
    "rabbitmq": 5672,
    "mail": 1025,
}
ALLOWED = {
    "deploy/auth-web": {"postgres"},
    "deploy/auth-relay": {"postgres", "rabbitmq"},
    "deploy/auth-worker": {"postgres"},
    "deploy/orders-web": {"postgres", "auth", "gateway"},
    "deploy/orders-relay": {"postgres", "rabbitmq"},
    "deploy/orders-consumer": {"postgres", "rabbitmq", "auth"},
    "deploy/orders-worker": {"postgres", "auth", "gateway"},
    "deploy/notifier-web": {"postgres", "auth"},
    "deploy/notifier-consumer": {"postgres", "rabbitmq", "auth"},
    "deploy/notifier-worker": {"postgres", "auth", "mail"},
    # The tests' own front door lets everybody in to the three services.
    "pod/stranger": {"auth", "orders", "notifier"},
}
_CONNECT = """
import socket, sys
for place in sys.argv[1:]:
    host, port = place.split(":")
    try:
        socket.create_connection((host, int(port)), timeout=3).close()
        print(host)
    except OSError:
        pass
"""


@pytest.fixture(scope="module", autouse=True)
def strangers(deployment: Deployment) -> None:
    """Start the two pods, and skip where the one that may go nowhere gets somewhere."""
    image = deployment.image("auth")
    deployment.kube.apply(deployment.manifest("strangers").replace("IMAGE", image))
    deployment.kube.kubectl("wait", "--for=condition=Ready", "pod/stranger", "pod/muted", "--timeout=2m")
    if "auth" in reached(deployment, "pod/muted") and _is_still_reached(deployment):
        pytest.skip("this cluster enforces no network policies")


@pytest.mark.parametrize("source", ALLOWED)
def test_a_pod_reaches_what_it_needs_and_nothing_else(deployment: Deployment, source: str) -> None:
    # A service of two pods leads one of them to itself now and then, and no policy keeps a pod from itself.
    itself = source.removeprefix("deploy/").removesuffix("-web")
    others = {host: port for host, port in PORTS.items() if host != itself}
    assert reached(deployment, source, others) == ALLOWED[source]


def test_nobody_but_prometheus_reads_the_internal_ports(deployment: Deployment) -> None:
    assert reached(deployment, "pod/stranger", {"auth": 9081, "orders": 9082, "notifier": 9083}) == set()


def reached(deployment: Deployment, source: str, ports: dict[str, int] | None = None) -> set[str]:
    """Return which hosts a pod of `source` can open a connection to."""
    places = [f"{host}:{port}" for host, port in (ports or PORTS).items()]
    return set(deployment.kube.execute(source, "python", "-c", _CONNECT, *places).split())


def _is_still_reached(deployment: Deployment) -> bool:
    """A new policy takes a moment to come into force."""
    try:
        eventually(lambda: "auth" not in reached(deployment, "pod/muted"), within_seconds=15)
    except AssertionError:
        return True
    return False
