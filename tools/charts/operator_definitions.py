"""Fetches the definitions of the operators' custom resources into .cache, out of their Go modules."""

import json
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tools.charts.install import CACHE, InstallError


@dataclass(frozen=True)
class Module:
    """A Go module at a version, and the sum that go.sum would hold."""

    path: str
    version: str
    sum: str


# The RabbitMQ Cluster Operator is a module too, but the module proxy does not serve its version 2.
OPERATORS = (
    Module("github.com/cloudnative-pg/cloudnative-pg", "v1.30.0", "h1:fnhVq44xXx97MNiuvJsPrX1vSjYbgdyBK5MSGfdHdp0="),
)


def definitions() -> dict[tuple[str, str], dict[str, Any]]:
    """Return apiVersion and kind → the schema of the object; raises InstallError when a module cannot be had."""
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for module in OPERATORS:
        for path in sorted(_fetched(module).glob("*.yaml")):
            spec = yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)["spec"]
            for version in spec["versions"]:
                schema = version["schema"]["openAPIV3Schema"]
                found[f"{spec['group']}/{version['name']}", spec["names"]["kind"]] = schema
    return found


def _fetched(module: Module) -> Path:
    """Return the folder with the module's definitions."""
    folder = CACHE / "operators" / f"{Path(module.path).name}-{module.version}"
    if not folder.exists():
        source = _download(module) / "config" / "crd" / "bases"
        fresh = folder.with_suffix(".new")
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(parents=True)
        for path in source.glob("*.yaml"):
            (fresh / path.name).write_bytes(path.read_bytes())  # without the read-only mode of the module's cache
        fresh.rename(folder)
    return folder


def _download(module: Module) -> Path:
    if shutil.which("go") is None:
        raise InstallError("go is missing: the definitions of the operators' objects come out of Go modules")
    command = ["go", "mod", "download", "-json", f"{module.path}@{module.version}"]
    done = subprocess.run(command, cwd=CACHE, capture_output=True, text=True, check=False)
    answer: dict[str, str] = json.loads(done.stdout or "{}")
    if "Dir" not in answer:
        raise InstallError(f"{module.path}@{module.version}: {answer.get('Error') or done.stderr.strip()}")
    if answer["Sum"] != module.sum:
        raise InstallError(f"{module.path}@{module.version} has the sum {answer['Sum']}, not {module.sum}")
    return Path(answer["Dir"])
