"""The crash suite in its short form: twelve faults and no finding; two planted bugs and each is found."""

from pathlib import Path

import pytest

from tests.chaos.planted import PLANTED, planted_settings
from tests.chaos.report import render
from tests.chaos.run import Options, run_chaos

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(900)]


def test_twelve_faults_break_no_promise(tmp_path: Path) -> None:
    run = run_chaos(Options(faults=12, seed=2026, folder=tmp_path))
    assert run.findings == [], render(run)
    assert sum(record.status == 201 for record in run.history.of("place")) > 20


@pytest.mark.parametrize("bug", sorted(PLANTED))
def test_the_checker_finds_a_planted_bug(bug: str, tmp_path: Path) -> None:
    run = run_chaos(Options(3, 7, tmp_path, planted_settings(bug), PLANTED[bug]))
    wanted = {
        "ack_before_commit": "was committed and never arrived",
        "publish_before_commit": "arrived and was never committed",
    }[bug]
    assert any(wanted in finding for finding in run.findings), render(run)
