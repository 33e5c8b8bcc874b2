"""The judgement at the end of a test: the crash suite's checker and orders' own invariants, in the cluster."""

from __future__ import annotations

from tests.chaos.checker import check
from tests.chaos.facts import read_facts, wait_for_rest
from tests.chaos.history import History
from tests.cluster.deployment import Deployment


def findings(deployment: Deployment, history: History) -> list[str]:
    """Wait until nothing moves, then return every broken promise; an empty list is what is hoped for."""
    with deployment.sources() as sources:
        stuck = wait_for_rest(sources)
        found = check(history, read_facts(sources))
    audit = deployment.kube.execute("deploy/orders-worker", "orders", "audit").strip()
    return found + [f"{count} never came to rest: {name}" for name, count in stuck.items()] + audit.splitlines()
