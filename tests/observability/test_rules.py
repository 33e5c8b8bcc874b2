"""The shipped rules: each alert fires where it should, is silent just short of it, and says what to do."""

import subprocess
from pathlib import Path

import pytest

from tests.observability import cases_messaging, cases_services, cases_slo
from tests.observability.promtool import RULES, Case, alerts, play
from tools import write_rules

pytestmark = pytest.mark.contract

CASES = [*cases_services.CASES, *cases_messaging.CASES]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_an_alert_does_as_its_case_says(case: Case, tmp_path: Path) -> None:
    assert play(case, tmp_path) == ""


@pytest.mark.parametrize("case", cases_slo.CASES, ids=str)
def test_a_budget_alert_does_as_its_case_says(case: Case, tmp_path: Path) -> None:
    # These alerts fire at once, so nothing between the beginning and the end is of interest.
    assert play(case, tmp_path, evaluation=case.at) == ""


def test_every_alert_has_a_firing_and_a_silent_case() -> None:
    cases = [*CASES, *cases_slo.CASES]
    names = {rule["alert"] for rule in alerts()}
    assert {case.alert for case in cases if case.fires} == names
    assert {case.alert for case in cases if not case.fires} == names


def test_a_case_that_expects_too_much_fails(tmp_path: Path) -> None:
    case = next(case for case in CASES if not case.fires)
    assert play(Case(case.alert, case.series, case.at, [({}, "never")]), tmp_path) != ""


def test_promtool_accepts_the_files() -> None:
    command = ["promtool", "check", "rules", *map(str, RULES.glob("*.yaml"))]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_generated_file_is_what_its_generator_writes() -> None:
    assert write_rules.FILE.read_text() == write_rules.file_text()
