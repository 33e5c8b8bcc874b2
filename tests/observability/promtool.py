"""Runs promtool's unit tests on the shipped rules: series in, alerts out."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import yaml

RULES = Path(__file__).resolve().parents[2] / "charts/platform/files/rules"

Labels = Mapping[str, str]


@dataclass(frozen=True)
class Case:
    """`series` with their values a minute, and the alerts of one name at a moment: (labels, summary) each."""

    alert: str
    series: Mapping[str, str]
    at: str
    fires: Sequence[tuple[Labels, str]] = field(default=())

    def __str__(self) -> str:
        return f"{self.alert} {'fires' if self.fires else 'is silent'} at {self.at}"


@cache
def groups() -> list[dict[str, Any]]:
    """Return the groups of all shipped files."""
    files = sorted(RULES.glob("*.yaml"))
    return [group for file in files for group in yaml.safe_load(file.read_text(encoding="utf-8"))["groups"]]


def rules() -> list[dict[str, Any]]:
    """Return every rule."""
    return [rule for group in groups() for rule in group["rules"]]


def alerts() -> list[dict[str, Any]]:
    """Return every alerting rule."""
    return [rule for rule in rules() if "alert" in rule]


def play(case: Case, folder: Path, evaluation: str = "1m") -> str:
    """Return "" when the case came out as it says, else what promtool says; rules are evaluated every `evaluation`."""
    static = next(rule["labels"] for rule in alerts() if rule["alert"] == case.alert)
    expected = [
        {"exp_labels": {**static, **labels}, "exp_annotations": {"summary": summary}} for labels, summary in case.fires
    ]
    series = [{"series": name, "values": values} for name, values in case.series.items()]
    wanted = {"eval_time": case.at, "alertname": case.alert, "exp_alerts": expected}
    test = {"interval": "1m", "input_series": series, "alert_rule_test": [wanted]}
    document = {"rule_files": [_plain_rules(case.alert, folder)], "evaluation_interval": evaluation, "tests": [test]}
    file = folder / "case.yaml"
    file.write_text(yaml.safe_dump(document), encoding="utf-8")
    done = subprocess.run(["promtool", "test", "rules", str(file)], capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else done.stdout + done.stderr


def _plain_rules(alert: str, folder: Path) -> str:
    """Copy the groups with this alert; of the annotations only the summary, because promtool compares them all."""
    mine = [deepcopy(group) for group in groups() if any(rule.get("alert") == alert for rule in group["rules"])]
    for rule in [rule for group in mine for rule in group["rules"]]:
        if "annotations" in rule:
            rule["annotations"] = {"summary": rule["annotations"]["summary"]}
    path = folder / "rules.yaml"
    path.write_text(yaml.safe_dump({"groups": mine}), encoding="utf-8")
    return str(path)
