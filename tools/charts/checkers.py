"""Asks the checkers of others about rendered objects: Kubernetes' own schemas, custom resources, and checkov."""

import json
import os
import re
import subprocess
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

import yaml

from tools.charts.install import NODE, ROOT, tool
from tools.charts.render import Manifest

VERSIONS = ("1.34", "1.37")
CUSTOM_GROUPS = {"monitoring.coreos.com", "keda.sh", "gateway.networking.k8s.io"}
# Checked by tests/charts/test_operator_objects.py with the operators' own definitions.
OPERATORS_GROUPS = {"postgresql.cnpg.io", "rabbitmq.com"}
SKIPS = Path(__file__).with_name("checkov-skips.yaml")
Skips = dict[str, dict[str, str]]


def once(objects: Iterable[Manifest]) -> list[Manifest]:
    """Return the objects without repetitions: most cases of the matrix render much the same."""
    return [json.loads(text) for text in sorted({json.dumps(each, sort_keys=True) for each in objects})]


def refused_by_kubernetes(objects: Iterable[Manifest], version: str) -> list[str]:
    """Return what the strict schemas of a version refuse, unknown fields included."""
    known = [each for each in objects if _group(each) not in CUSTOM_GROUPS | OPERATORS_GROUPS]
    return _lines([tool("python"), Path(__file__).with_name("validate_objects.py"), version], known)


def refused_by_definitions(objects: Iterable[Manifest]) -> list[str]:
    """Return what the definitions of custom resources refuse, unknown fields included."""
    custom = [each for each in objects if _group(each) in CUSTOM_GROUPS]
    return _lines([tool("node"), NODE / "validate_custom_resources.mjs"], custom)


def refused_by_checkov(objects: Iterable[Manifest], skips: Skips, dockerfiles: Sequence[Path] = ()) -> list[str]:
    """Return the findings that no skip covers, and the skips that cover none."""
    found = set()
    with tempfile.TemporaryDirectory() as folder:
        # As Helm installs them: into the release's namespace.
        placed = [each | {"metadata": {"namespace": "waybill"} | each["metadata"]} for each in objects]
        text = "".join(f"---\n{json.dumps(each)}\n" for each in placed)
        (Path(folder) / "objects.yaml").write_text(text, encoding="utf-8")
        found |= _findings(["--framework", "kubernetes", "--directory", folder])
    for dockerfile in dockerfiles:
        found |= _findings(["--framework", "dockerfile", "--file", str(dockerfile.relative_to(ROOT))])
    faults = {each for each in found if not _is_skipped(skips, each)}
    unused = skips.keys() - {check for _, check, _ in found - faults}
    return [*map(" ".join, sorted(faults)), *(f"{check}: no skip is needed any more" for check in sorted(unused))]


def agreed_skips() -> Skips:
    """Return the findings that may stay."""
    skips: Skips = yaml.safe_load(SKIPS.read_text(encoding="utf-8"))
    return skips


def _findings(arguments: list[str]) -> set[tuple[str, str, str]]:
    command: list[str | Path] = [
        tool("checkov"),
        "--skip-download",
        "--quiet",
        "--compact",
        "--output",
        "json",
        *arguments,
    ]
    offline = {**os.environ, "CKV_SKIP_PACKAGE_UPDATE_CHECK": "True"}  # noqa: TID251 - a tool has no config.py
    done = subprocess.run(command, cwd=ROOT, env=offline, capture_output=True, text=True, check=False)
    report = json.loads(done.stdout)
    if not report.get("summary", {}).get("passed") or report["summary"]["parsing_errors"]:
        raise RuntimeError(f"checkov could not read {arguments[-1]}: {done.stdout[:300]}")
    failed = report["results"]["failed_checks"]
    return {(each["resource"], each["check_id"], each["check_name"]) for each in failed}


def _is_skipped(skips: Skips, finding: tuple[str, str, str]) -> bool:
    resource, check, _ = finding
    return check in skips and re.fullmatch(skips[check]["where"], resource) is not None


def _group(manifest: Manifest) -> str:
    group: str = manifest["apiVersion"].partition("/")[0]
    return group


def _lines(command: Sequence[str | Path], objects: list[Manifest]) -> list[str]:
    """Hand objects to a program that says what is wrong with them, a fault a line."""
    done = subprocess.run(command, input=json.dumps(objects), capture_output=True, text=True, check=False)
    return [*done.stdout.splitlines(), *(done.stderr.splitlines() if done.returncode else [])]
