"""`make test-cluster`: says what is missing, or runs the tests against the cluster of the current kube context."""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys

import pytest

from tests.cluster.deployment import HERE

_NO_CONTEXT = (
    "make test-cluster needs a cluster: there is no kube context that answers. Make one with `kind create cluster`, "
    "`minikube start` or `k3d cluster create`, and see that `kubectl get nodes` works."
)
_NO_REGISTRY = (
    "make test-cluster needs WAYBILL_REGISTRY, a registry that this machine pushes to and the cluster pulls from, for "
    "example localhost:5000 (docs/how-to/test-on-a-cluster.md)."
)


def main() -> int:
    """Return pytest's exit code, or 2 when something is missing."""
    parser = argparse.ArgumentParser(prog="tests.cluster", description=__doc__)
    parser.add_argument("--short", action="store_true", help="install, e2e and one upgrade under load")
    arguments, more = parser.parse_known_args()
    missing = _missing()
    if missing:
        print(f"error: {missing}", file=sys.stderr)
        return 2
    selected = ["-m", "cluster and short"] if arguments.short else ["-m", "cluster"]
    return int(pytest.main([str(HERE), "-q", "-ra", "--timeout=3600", *selected, *more]))


def _missing() -> str:
    if shutil.which("kubectl") is None:
        return "make test-cluster needs kubectl on the PATH, and a kube context that it uses"
    nodes = subprocess.run(["kubectl", "get", "nodes", "--request-timeout=10s"], capture_output=True, check=False)
    if nodes.returncode != 0:
        return _NO_CONTEXT
    return "" if os.environ.get("WAYBILL_REGISTRY") else _NO_REGISTRY  # noqa: TID251 - the runner's own switch


if __name__ == "__main__":
    sys.exit(main())
