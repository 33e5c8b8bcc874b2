"""Rules that no linter knows: who commits, which blueprints are guarded, which errors have an answer."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SERVICES = ["auth", "orders", "notifier"]
PRODUCTION = sorted(
    path
    for pattern in ("libs/common/src/**/*.py", "services/*/src/**/*.py")
    for path in ROOT.glob(pattern)
    if "migrations/versions" not in str(path)
)

# The unit of work commits; these three have a transaction that is not a call's: a schema, a batch, a queue.
MAY_COMMIT = re.compile(r"waybill_common/(database/(unit_of_work|migrations)|messaging/(relay|embedded)[a-z_]*)\.py$")


def calls(tree: ast.AST, name: str) -> list[int]:
    return [
        node.lineno
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == name
    ]


def parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def test_nobody_but_the_unit_of_work_commits():
    found = [
        f"{path.relative_to(ROOT)}:{line}"
        for path in PRODUCTION
        if not MAY_COMMIT.search(str(path))
        for line in calls(parse(path), "commit")
    ]
    assert found == []


def test_the_rule_on_commits_can_fail():
    assert calls(ast.parse("work.commit()"), "commit") == [1]


def test_every_blueprint_is_a_guarded_one():
    found = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in PRODUCTION
        for node in ast.walk(parse(path))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Blueprint"
    ]
    assert found == []


def domain_errors(service: str) -> set[str]:
    """Return the classes below DomainError that something raises: those without a subclass of their own."""
    bases: dict[str, set[str]] = {}
    for path in (ROOT / f"services/{service}/src/waybill_{service}/domain").rglob("*.py"):
        for node in ast.walk(parse(path)):
            if isinstance(node, ast.ClassDef):
                bases[node.name] = {base.id for base in node.bases if isinstance(base, ast.Name)}
    family = {"DomainError"}
    while grown := {name for name, parents in bases.items() if parents & family} - family:
        family |= grown
    parents = {parent for name in family for parent in bases.get(name, ())}
    return family - {"DomainError"} - parents


@pytest.mark.parametrize("service", SERVICES)
def test_every_domain_error_has_its_answer_in_the_one_table(service):
    table = (ROOT / f"services/{service}/src/waybill_{service}/views/errors.py").read_text()
    assert {name for name in domain_errors(service) if not re.search(rf"\b{name}\b", table)} == set()


USE_CASE_MODULES = [path for path in PRODUCTION if "/use_cases/" in str(path)]


def is_use_case(path: Path) -> bool:
    """One verb, one file: `place_order.py: place_order()`. Ports and shared steps have no such function."""
    return any(isinstance(node, ast.FunctionDef) and node.name == path.stem for node in parse(path).body)


USE_CASES = {path for path in USE_CASE_MODULES if is_use_case(path)}


@pytest.mark.parametrize("path", USE_CASE_MODULES, ids=lambda path: path.stem)
def test_a_use_case_calls_no_other_use_case(path):
    called = {
        path.parent / f"{node.module.rpartition('.')[2]}.py"
        for node in ast.walk(parse(path))
        if isinstance(node, ast.ImportFrom) and ".use_cases." in (node.module or "")
    }
    assert called & USE_CASES == set()


def test_use_cases_are_told_from_what_they_share():
    names = {path.stem for path in USE_CASES}
    assert {"place_order", "pay_order", "capture_payment"} <= names
    assert names.isdisjoint({"ports", "settlement"})
