"""Each import contract catches the breach it is there for: one is planted in a copy, and the contract must break."""

import configparser
import shutil
import subprocess
import sys
import tomllib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCES = sorted(path for pattern in ("libs/*/src", "services/*/src", "*/src") for path in ROOT.glob(pattern))

# contract: (file below a src folder, the line that breaks it)
BREACHES = {
    "houses": ("waybill_orders/bootstrap.py", "import waybill_auth.domain.roles"),
    "floors": ("waybill_notifier/domain/errors.py", "import waybill_notifier.models"),
    "ports": ("waybill_orders/use_cases/ports.py", "import waybill_orders.repositories"),
    "no-framework": ("waybill_auth/domain/errors.py", "import flask"),
    "no-sql": ("waybill_notifier/use_cases/ports.py", "import sqlalchemy"),
    "views": ("waybill_orders/views/errors.py", "import waybill_orders.models"),
    "pure-domain": ("waybill_orders/domain/errors.py", "import waybill_common.clock"),
    "shelves": ("waybill_common/clock/__init__.py", "import waybill_common.http"),
    "testkit": ("waybill_sandbox/__init__.py", "import waybill_testkit"),
    "acyclic": ("waybill_auth/domain/errors.py", "import waybill_auth.domain.roles"),
}


def contracts():
    parser = configparser.ConfigParser()
    parser.read(ROOT / ".importlinter")
    return parser


def lint(folder: Path, contract: str) -> subprocess.CompletedProcess[str]:
    program = "from importlinter.cli import lint_imports_command; lint_imports_command()"
    paths = [str(path) for path in sorted((folder / "src").iterdir())]
    return subprocess.run(
        [sys.executable, "-c", program, "--no-cache", "--contract", contract],
        cwd=folder,
        env={"PYTHONPATH": ":".join(paths), "PATH": "/usr/bin:/bin", "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def copies(tmp_path_factory):
    def copy(name: str) -> Path:
        folder = tmp_path_factory.mktemp(name)
        shutil.copy(ROOT / ".importlinter", folder)
        for number, source in enumerate(SOURCES):
            shutil.copytree(source, folder / "src" / str(number), ignore=shutil.ignore_patterns("__pycache__"))
        return folder

    return copy


def plant(folder: Path, file: str, line: str) -> None:
    (target,) = folder.glob(f"src/*/{file}")
    text = target.read_text()
    head, end, rest = text.partition('"""\n')
    assert end, f"{file} does not open with a one-line docstring"
    target.write_text(f'{head}"""\n{line}\n{rest}')


def test_every_contract_has_a_breach_that_is_tried():
    names = {section.rpartition(":")[2] for section in contracts().sections() if ":contract:" in section}
    assert names == set(BREACHES)


def test_every_contract_breaks_when_its_breach_is_planted(copies):
    def try_one(name: str) -> tuple[str, str | None]:
        folder = copies(name)
        file, line = BREACHES[name]
        plant(folder, file, line)
        broken = lint(folder, name)
        return name, None if broken.returncode == 1 and "BROKEN" in broken.stdout else broken.stdout + broken.stderr

    with ThreadPoolExecutor(2) as pool:
        silent = {name: output for name, output in pool.map(try_one, BREACHES) if output is not None}
    assert silent == {}


def test_the_contracts_name_exactly_the_packages_of_the_workspace():
    members = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["uv"]["workspace"]["members"]
    projects = {path.parent.name for member in members for path in ROOT.glob(f"{member}/pyproject.toml")}
    services = {path.name for path in (ROOT / "services").iterdir() if path.is_dir()}
    parser = contracts()
    assert set(parser["importlinter"]["root_packages"].split()) == {f"waybill_{name}" for name in projects}
    assert set(parser["importlinter:contract:floors"]["containers"].split()) == {f"waybill_{name}" for name in services}
