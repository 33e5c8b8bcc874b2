"""Pods of every kind are deleted at random while people order, and the node itself dies under them."""

from __future__ import annotations

import os
import random
import time
from collections import Counter

import pytest
from waybill_testkit.waiting import eventually

from tests.chaos.api import Account, Caller
from tests.chaos.crowd import crowd
from tests.chaos.history import History
from tests.cluster.deployment import Deployment
from tests.cluster.kube import run
from tests.cluster.verdict import findings

pytestmark = pytest.mark.cluster

_MINUTES = 5
# The mail catcher is not among them: it is the witness.
_VICTIMS = "app.kubernetes.io/name in (auth, orders, notifier, gateway, postgres, rabbitmq)"
_FROM_SECONDS, _TO_SECONDS = 2.0, 8.0


def test_pods_of_every_kind_are_deleted_for_five_minutes_and_nothing_is_lost(
    deployment: Deployment, staff: Caller, customers: list[Account], history: History
) -> None:
    chance = random.Random(2026)
    deleted: Counter[str] = Counter()
    callers = [deployment.caller(customer) for customer in customers]
    with crowd(staff, callers, history, seed=2026):
        over = time.monotonic() + _MINUTES * 60
        while time.monotonic() < over:
            deleted[_delete_one(deployment, chance)] += 1
            time.sleep(chance.uniform(_FROM_SECONDS, _TO_SECONDS))  # how often is the test's subject, not a wait
    deployment.wait_until_ready()
    print(f"\n{sum(deleted.values())} pods deleted, {_placed(history)} orders placed: {dict(deleted)}")
    assert len(deleted) >= 10
    assert _placed(history) > 50
    assert findings(deployment, history) == []


@pytest.mark.parametrize("how", [(), ("--pods",)], ids=["kubelet and containerd", "power loss"])
def test_the_node_dies_while_people_order_and_comes_back(
    how: tuple[str, ...], deployment: Deployment, staff: Caller, customers: list[Account], history: History
) -> None:
    """Without the kubelet the pods go on and people order; after a power loss they go on ordering once it is back."""
    cluster = os.environ.get("WAYBILL_CLUSTER")  # noqa: TID251 - the runner's own switch
    if cluster is None:
        pytest.skip("only the project's test cluster can kill its node (WAYBILL_CLUSTER)")
    with crowd(staff, [deployment.caller(customer) for customer in customers], history, seed=2027):
        _await_orders(history)
        run([cluster, "kill-node", *how], "", 120)
        try:
            if not how:
                _await_orders(history)
        finally:
            run([cluster, "start-node"], "", 300)
        _await_orders(history)
    deployment.wait_until_ready()
    assert findings(deployment, history) == []


def _placed(history: History) -> int:
    return sum(record.status == 201 for record in history.of("place"))


def _await_orders(history: History) -> None:
    """Wait until ten more orders are placed."""
    wanted = _placed(history) + 10
    eventually(lambda: _placed(history) >= wanted, within_seconds=240)


def _delete_one(deployment: Deployment, chance: random.Random) -> str:
    """Delete a pod of a kind picked at random, as a node that dies would or as a drain would; returns its kind."""
    kinds: dict[str, list[str]] = {}
    for pod in deployment.kube.get("pods", "-l", _VICTIMS, "--field-selector=status.phase=Running"):
        labels = pod["metadata"]["labels"]
        kind = f"{labels['app.kubernetes.io/name']} {labels.get('app.kubernetes.io/component', '')}".strip()
        kinds.setdefault(kind, []).append(pod["metadata"]["name"])
    kind = chance.choice(sorted(kinds))
    how = ["--grace-period=0", "--force"] if chance.random() < 0.5 else []
    deployment.kube.kubectl("delete", "pod", chance.choice(kinds[kind]), "--wait=false", "--ignore-not-found", *how)
    return kind
