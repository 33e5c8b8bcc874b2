"""Measures `skaffold dev`: from saving a source file to the answer that shows it, without another pod or a restart."""

from __future__ import annotations

import argparse
import re
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import requests
from waybill_testkit.waiting import eventually

from tests.cluster.deployment import HERE, ROOT
from tests.cluster.kube import Kube

# The first line of a view's docstring is the summary of its operation at /openapi.json.
_EDITED = Path("services/orders/src/waybill_orders/views/products.py")
_SUMMARY = "Read a product."
_DEPLOY_SECONDS = 15 * 60.0
# Two gunicorn workers answer in turn: this many new answers in a row come from both.
_IN_A_ROW = 12


def main() -> int:
    """Print a line for each edit and the slowest; 1 when a pod was replaced or restarted."""
    parser = argparse.ArgumentParser(prog="tests.cluster.measure_dev_loop", description=__doc__)
    parser.add_argument("--edits", type=int, default=5)
    parser.add_argument("--namespace", help="one that is there and stays; else one is made and removed")
    arguments = parser.parse_args()
    with ExitStack() as stack:
        kube = Kube(arguments.namespace or stack.enter_context(_namespace()))
        tree = stack.enter_context(_copy_of_the_tree())
        stack.enter_context(_skaffold_dev(tree, kube))
        before = _web_pods(kube)
        with kube.forward("deployment/orders-web", [8082]) as ports:
            url = f"http://127.0.0.1:{ports[8082]}/openapi.json"
            seconds = [_seconds_of_an_edit(tree / _EDITED, url, number) for number in range(1, arguments.edits + 1)]
        after = _web_pods(kube)
    print(f"edit to served: slowest {max(seconds):.1f} s of {len(seconds)}; pods and restarts before {before}")
    if after != before:
        print(f"error: pods were replaced or restarted: {after}", file=sys.stderr)
    return int(after != before)


@contextmanager
def _namespace() -> Iterator[str]:
    kube = Kube(f"waybill-dev-{secrets.token_hex(3)}")
    kube.apply((HERE / "manifests" / "namespace.yaml").read_text("utf-8").replace("NAMESPACE", kube.namespace))
    try:
        yield kube.namespace
    finally:
        kube.kubectl("delete", "namespace", kube.namespace, "--wait=true")


@contextmanager
def _copy_of_the_tree() -> Iterator[Path]:
    """The files of this tree, so that nobody's own are edited."""
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listed, cwd=ROOT, check=True, capture_output=True, text=True).stdout.split("\0")
    with tempfile.TemporaryDirectory(prefix="waybill-dev-") as folder:
        for name in names:
            if name and (ROOT / name).is_file():
                target = Path(folder) / name
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, target)
        yield Path(folder)


@contextmanager
def _skaffold_dev(tree: Path, kube: Kube) -> Iterator[None]:
    """`skaffold dev` for orders and what it requires, once it watches."""
    log = tree / "skaffold.log"
    command = ["skaffold", "dev", "--module", "orders", "--namespace", kube.namespace, "--cleanup=false"]
    with log.open("wb") as output, subprocess.Popen(command, cwd=tree, stdout=output, stderr=output) as process:
        try:
            eventually(lambda: _watches(process, log), within_seconds=_DEPLOY_SECONDS)
            yield
        except BaseException:
            print(log.read_text("utf-8", errors="replace")[-4000:], file=sys.stderr)
            raise
        finally:
            process.send_signal(signal.SIGINT)


def _watches(process: subprocess.Popen[bytes], log: Path) -> bool:
    text = log.read_text("utf-8", errors="replace")
    if process.poll() is not None:
        raise SystemExit(f"error: skaffold dev ended with {process.returncode}\n{text[-4000:]}")
    return "Watching for changes" in text


def _seconds_of_an_edit(path: Path, url: str, number: int) -> float:
    mark = f"edit {number} {secrets.token_hex(3)}"
    eventually(lambda: _shows(url, ""))
    edited = re.sub(rf'"""(edit \S+ \S+ )?{_SUMMARY}', f'"""{mark} {_SUMMARY}', path.read_text("utf-8"), count=1)
    saved = time.monotonic()
    path.write_text(edited, "utf-8")
    in_a_row, first = 0, 0.0
    while in_a_row < _IN_A_ROW:
        is_new = _shows(url, mark)
        first = time.monotonic() if is_new and not in_a_row else first
        in_a_row = in_a_row + 1 if is_new else 0
        if time.monotonic() - saved > 120:
            raise SystemExit("error: the edit was not served within two minutes")
    print(f"edit {number}: {first - saved:.1f} s", flush=True)
    return first - saved


def _shows(url: str, mark: str) -> bool:
    try:
        answer = requests.get(url, timeout=10, headers={"Connection": "close"})
    except requests.RequestException:
        return False
    return answer.status_code == 200 and mark in answer.text


def _web_pods(kube: Kube) -> list[tuple[str, int]]:
    """Name and restarts of each pod of the web."""
    pods: list[dict[str, Any]] = kube.get("pods", "-l", "app.kubernetes.io/name=orders")
    return sorted(
        (pod["metadata"]["name"], sum(one["restartCount"] for one in pod["status"]["containerStatuses"]))
        for pod in pods
        if "deletionTimestamp" not in pod["metadata"] and pod["status"]["phase"] == "Running"
    )


if __name__ == "__main__":
    sys.exit(main())
