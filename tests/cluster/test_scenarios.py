"""The end-to-end scenarios and the charts' own tests; they come last, as their orders have no history."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

from tests.chaos.api import Caller
from tests.cluster.deployment import ROOT, Deployment
from tests.cluster.kube import run

pytestmark = [pytest.mark.cluster, pytest.mark.short]


def test_the_end_to_end_scenarios_pass(deployment: Deployment, staff: Caller, tmp_path: Path) -> None:
    target = tmp_path / "target.json"
    with deployment.mail_page() as mail:
        account = {"email": deployment.staff.email, "password": deployment.staff.password}
        target.write_text(json.dumps({"urls": {**deployment.urls, "mail": mail}, "staff": account}), encoding="utf-8")
        environment = {**os.environ, "WAYBILL_E2E_TARGET": str(target)}  # noqa: TID251 - handed on to pytest
        suite = [sys.executable, "-m", "pytest", str(ROOT / "tests" / "e2e"), "-q", "--timeout=600"]
        print(run(suite, "", 1800.0, environment).strip().splitlines()[-1])


def test_the_charts_own_tests_pass(deployment: Deployment) -> None:
    written = deployment.kube.helm("test", "waybill", "--timeout", "5m")
    assert written.count("Succeeded") >= 3, written
