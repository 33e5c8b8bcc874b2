"""Renders the charts as a given Helm does, from a copy with packaged dependencies; keeps what it rendered once."""

import fcntl
import hashlib
import shutil
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from tools.charts.install import CACHE, HELMS, ROOT, helm

CHARTS = ROOT / "charts"
NEWEST, OLDEST = HELMS
KUBERNETES = "1.37.0"
# What the cluster offers beside its own kinds, as far as templates ask.
OFFERED = (
    "monitoring.coreos.com/v1/ServiceMonitor",
    "monitoring.coreos.com/v1/PodMonitor",
    "monitoring.coreos.com/v1/PrometheusRule",
    "keda.sh/v1alpha1/ScaledObject",
    "keda.sh/v1alpha1/TriggerAuthentication",
    "gateway.networking.k8s.io/v1/HTTPRoute",
)
KEPT_SECONDS = 86400
Manifest = dict[str, Any]


class RenderError(Exception):
    """What Helm said when it refused."""


@dataclass(frozen=True)
class Case:
    """One chart with one file of values; None is the chart's own values."""

    chart: str
    values: str | None = None

    def __str__(self) -> str:
        """Read well as the id of a test: orders-staging."""
        return f"{self.chart}-{(self.values or 'default').removesuffix('-values.yaml')}"


def applications() -> list[str]:
    """Return the charts that can be installed, leaves first."""
    return [name for name in _in_order() if _definition(name).get("type") != "library"]


def cases() -> list[Case]:
    """Return the render matrix: every chart with its defaults and with each of its ci/*-values.yaml."""
    found = []
    for chart in applications():
        found.append(Case(chart))
        found += [Case(chart, path.name) for path in sorted((CHARTS / chart / "ci").glob("*-values.yaml"))]
    return found


def render(case: Case, *settings: str, version: str = NEWEST, offered: tuple[str, ...] = OFFERED) -> str:
    """Return the YAML of a case under extra `--set` settings; raises RenderError when Helm refuses."""
    folder = built() / case.chart
    release = "waybill" if case.chart == "platform" else case.chart
    command = ["template", release, str(folder), "--namespace", "waybill", "--kube-version", KUBERNETES]
    if case.values:
        command += ["--values", str(folder / "ci" / case.values)]
    for setting in settings:
        command += ["--set", setting]
    for kind in offered:
        command += ["--api-versions", kind]
    key = hashlib.sha256(repr((version, command)).encode()).hexdigest()
    kept = CACHE / "rendered" / folder.parent.name / f"{key}.yaml"
    if kept.exists():
        return kept.read_text(encoding="utf-8")
    text = _helm(version, *command)
    kept.parent.mkdir(parents=True, exist_ok=True)
    _replace(kept, text)
    return text


def objects(case: Case, *settings: str, version: str = NEWEST, offered: tuple[str, ...] = OFFERED) -> list[Manifest]:
    """Return what `render` returns as objects."""
    return parse(render(case, *settings, version=version, offered=offered))


def parse(text: str) -> list[Manifest]:
    """Return the objects of a YAML stream, empty documents left out."""
    return [document for document in yaml.load_all(text, Loader=yaml.CSafeLoader) if document]


@cache
def built() -> Path:
    """Return a copy of charts/ in which every chart has its dependencies, packaged leaves first."""
    digest = hashlib.sha256(helm(NEWEST).parent.name.encode())
    for path in _sources():
        digest.update(f"{path.relative_to(CHARTS)}\n".encode() + path.read_bytes())
    target = CACHE / "built" / digest.hexdigest()[:16]
    with (CACHE / "built.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not target.exists():
            _build(target)
    return target


def _build(target: Path) -> None:
    _forget_old()
    fresh = target.with_suffix(".new")
    for path in _sources():
        copy = fresh / path.relative_to(CHARTS)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, copy)
    # Helm packages a dependency as it lies there, without its own dependencies: so the leaves come first.
    for chart in _in_order():
        if _definition(chart).get("dependencies"):
            _helm(NEWEST, "dependency", "build", str(fresh / chart), "--skip-refresh")
    fresh.rename(target)


def _forget_old() -> None:
    for folder in (*CACHE.glob("built/*"), *CACHE.glob("rendered/*")):
        if time.time() - folder.stat().st_mtime > KEPT_SECONDS:
            shutil.rmtree(folder)


def _sources() -> Iterator[Path]:
    for path in sorted(CHARTS.rglob("*")):
        packaged = path.relative_to(CHARTS).parts[1:2] == ("charts",)
        if path.is_file() and not packaged:
            yield path


def _in_order() -> list[str]:
    """Return the charts so that each comes after those it depends on."""
    left = {path.parent.name: _local_dependencies(path.parent.name) for path in CHARTS.glob("*/Chart.yaml")}
    order: list[str] = []
    while left:
        ready = sorted(name for name, needed in left.items() if needed <= set(order))
        if not ready:
            raise RenderError(f"the charts {sorted(left)} depend on each other or on one that is not there")
        order += ready
        left = {name: needed for name, needed in left.items() if name not in ready}
    return order


def _local_dependencies(chart: str) -> set[str]:
    found = _definition(chart).get("dependencies", [])
    return {Path(each["repository"]).name for each in found if each.get("repository", "").startswith("file://")}


def _definition(chart: str) -> Manifest:
    definition: Manifest = yaml.load((CHARTS / chart / "Chart.yaml").read_text(encoding="utf-8"), yaml.CSafeLoader)
    return definition


def _helm(version: str, *arguments: str) -> str:
    done = subprocess.run([helm(version), *arguments], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RenderError(done.stderr.strip())
    return done.stdout


def _replace(path: Path, text: str) -> None:
    """Write at once: tests render from several processes."""
    with (path.parent / f"{path.name}.{hash(text)}.new").open("w", encoding="utf-8") as fresh:
        fresh.write(text)
    Path(fresh.name).rename(path)
