"""Runs the tools of a clone on the clone's own packages, before the new one is installed."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from waybill_cli.failures import RefusedError

_SOURCES = ("libs/*/src", "services/*/src", "*/src")


@dataclass(frozen=True)
class Clone:
    """A clone, and the environment in which Python finds the clone's packages first."""

    root: Path
    environment: Mapping[str, str]

    def run(self, *arguments: str) -> None:
        """Run Python with these arguments in the clone; raises RefusedError with its words when it fails."""
        done = subprocess.run(  # noqa: S603 - tools of the clone
            [sys.executable, *arguments],
            cwd=self.root,
            env=dict(self.environment),
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            said = (done.stderr.strip() or done.stdout.strip())[-2_000:]
            raise RefusedError(f"{' '.join(arguments[:2])} in {self.root}: {said}")


@contextmanager
def clone_of(root: Path, service: str) -> Iterator[Clone]:
    """Give the clone with the new service importable; its version is asked for, so a metadata folder stands in."""
    with tempfile.TemporaryDirectory(prefix="waybill-new-service-") as folder:
        metadata = Path(folder) / f"waybill_{service}-0.1.0.dist-info" / "METADATA"
        metadata.parent.mkdir()
        metadata.write_text(f"Metadata-Version: 2.1\nName: waybill-{service}\nVersion: 0.1.0\n", encoding="utf-8")
        sources = [str(path.resolve()) for pattern in _SOURCES for path in root.glob(pattern)]
        path = os.pathsep.join([str(root.resolve()), *sources, folder])
        yield Clone(root, {**os.environ, "PYTHONPATH": path})  # noqa: TID251 - handed on as it is
