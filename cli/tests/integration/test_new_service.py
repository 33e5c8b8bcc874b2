"""A new service in a copy of this repository: `make check` is green at once, its tests pass, its chart renders."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner
from waybill_cli.cli import main
from waybill_cli.scaffold.clone import clone_of

ROOT = Path(__file__).resolve().parents[3]

pytestmark = [pytest.mark.integration, pytest.mark.timeout(1_200)]


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("clone")
    listed = git(ROOT, "ls-files", "--cached", "--others", "--exclude-standard").splitlines()
    for name in (name for name in listed if (ROOT / name).is_file()):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, folder / name)
    git(folder, "init", "--quiet")
    result = CliRunner().invoke(main, ["new-service", "demo", "--root", str(folder)])
    assert result.exit_code == 0, result.stderr
    git(folder, "add", "--all")
    return folder


def git(folder: Path, *arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=folder, capture_output=True, text=True, check=True).stdout


def run(copy: Path, *command: str) -> None:
    with clone_of(copy, "demo") as clone:
        done = subprocess.run(command, cwd=copy, env=clone.environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, (done.stdout + done.stderr)[-6_000:]


def test_make_check_is_green_at_once(copy):
    # Without `make setup`: it would install the copy into this environment.
    run(copy, "make", "check", "PYTHON=true", f"BIN={Path(sys.executable).parent}")


def test_its_own_tests_pass(copy):
    run(copy, sys.executable, "-m", "pytest", "-q", "services/demo", "-p", "no:cacheprovider")


def test_its_chart_is_rendered_and_has_nothing_of_the_model(copy):
    chart = copy / "charts" / "demo"
    text = "".join(path.read_text() for path in chart.rglob("*") if path.is_file())
    assert "notifier" not in text.lower()
    helm = next(iter(sorted((ROOT / ".cache" / "helm").glob("*/helm"))), None)
    if helm is None:
        pytest.skip("needs Helm: make chart-tools")
    environment = {"PATH": os.environ["PATH"], "HOME": str(copy)}  # noqa: TID251 - handed on
    for command in ("dependency build charts/demo", "template demo charts/demo --kube-version 1.34.0"):
        call = [helm, *command.split()]
        done = subprocess.run(call, cwd=copy, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
