"""Pods of every kind are deleted at random while people order, half of them without a word of warning."""

from __future__ import annotations

import random
import time
from collections import Counter

import pytest

from tests.chaos.api import Account, Caller
from tests.chaos.crowd import crowd
from tests.chaos.history import History
from tests.cluster.deployment import Deployment
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
    placed = sum(record.status == 201 for record in history.of("place"))
    print(f"\n{sum(deleted.values())} pods deleted, {placed} orders placed: {dict(deleted)}")
    assert len(deleted) >= 10
    assert placed > 50
    assert findings(deployment, history) == []


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
