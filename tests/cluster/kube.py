"""kubectl and helm in one namespace, as the tests use them: a failure raises with the command's own words."""

from __future__ import annotations

import json
import socket
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from waybill_testkit.waiting import eventually

from tools.charts.install import helm
from tools.charts.render import NEWEST

_MINUTES = 10 * 60


class KubeError(Exception):
    """A command failed; the message is the command and what it wrote."""


@dataclass(frozen=True)
class Kube:
    """The current kube context, one namespace of it."""

    namespace: str

    def kubectl(self, *arguments: str, text: str = "", within_seconds: float = _MINUTES) -> str:
        """Run kubectl in the namespace with `text` as its input; returns what it wrote."""
        return run(["kubectl", "--namespace", self.namespace, *arguments], text, within_seconds)

    def helm(self, *arguments: str, within_seconds: float = 2 * _MINUTES) -> str:
        """Run helm in the namespace; returns what it wrote."""
        return run([str(helm(NEWEST)), "--namespace", self.namespace, *arguments], "", within_seconds)

    def apply(self, manifest: str) -> None:
        """Apply YAML."""
        self.kubectl("apply", "-f", "-", text=manifest)

    def get(self, kind: str, *arguments: str) -> list[dict[str, Any]]:
        """Return the objects of a kind; `arguments` narrow them, for example `-l name=value`."""
        items: list[dict[str, Any]] = json.loads(self.kubectl("get", kind, *arguments, "-o", "json"))["items"]
        return items

    def secret(self, name: str) -> dict[str, str]:
        """Return a Secret's values, decoded."""
        template = '{{range $key, $value := .data}}{{$key}}{{"\\t"}}{{$value | base64decode}}{{"\\x00"}}{{end}}'
        rows = self.kubectl("get", "secret", name, "-o", f"go-template={template}").split("\x00")
        return dict(row.split("\t", 1) for row in rows if row)

    def execute(self, workload: str, *command: str) -> str:
        """Run a command in a pod of a workload, for example `deploy/orders-worker`."""
        return self.kubectl("exec", workload, "--", *command)

    @contextmanager
    def forward(self, target: str, ports: Sequence[int]) -> Iterator[dict[int, int]]:
        """Reach ports of a pod from here; yields the local port of each."""
        local = {port: _free_port() for port in ports}
        pairs = [f"{mine}:{port}" for port, mine in local.items()]
        command = ["kubectl", "--namespace", self.namespace, "port-forward", target, *pairs]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
            try:
                for mine in local.values():
                    eventually(lambda mine=mine: _accepts(mine), within_seconds=30)  # type: ignore[misc]
                yield local
            finally:
                process.terminate()


def run(command: Sequence[str], text: str, within_seconds: float, env: Mapping[str, str] | None = None) -> str:
    """Run a command; returns its output, raises KubeError when it fails or takes too long."""
    try:
        done = subprocess.run(
            command, input=text, capture_output=True, text=True, check=False, timeout=within_seconds, env=env
        )
    except subprocess.TimeoutExpired as error:
        raise KubeError(f"{' '.join(command)} took more than {within_seconds:.0f} s") from error
    if done.returncode != 0:
        raise KubeError(
            f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout[-2000:]}{done.stderr[-4000:]}"
        )
    return done.stdout


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def _accepts(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=2).close()
    except OSError:
        return False
    return True
