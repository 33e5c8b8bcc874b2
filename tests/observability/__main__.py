"""`make dashboards-check`: asks a real Prometheus every panel's query while customers shop; an empty answer fails."""

from __future__ import annotations

import json
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from tests.observability.metric_names import CLUSTER, FOREIGN, filled, read_by
from tests.observability.watched import Watched, watched
from tools import write_dashboards

_PATIENCE_SECONDS = 180.0


@dataclass(frozen=True)
class Question:
    """One query of one panel."""

    panel: str
    expression: str

    @property
    def is_for_a_cluster(self) -> bool:
        """Whether it reads what only a cluster's exporters have."""
        return any(FOREIGN.get(name) == CLUSTER for name in read_by(self.expression))


def questions() -> list[Question]:
    """Return every query of the shipped dashboards."""
    found = []
    for path in sorted(write_dashboards.FOLDER.glob("*.json")):
        for panel in json.loads(path.read_text(encoding="utf-8"))["panels"]:
            title = f"{path.stem}: {panel['title']}"
            found += [Question(title, filled(target["expr"])) for target in panel["targets"]]
    return found


def unanswered(platform: Watched, asked: list[Question]) -> list[Question]:
    """Return what Prometheus has nothing for, after it had time to see some traffic."""
    left = list(asked)

    def all_answered() -> bool:
        left[:] = [one for one in left if not platform.watchers.query(one.expression)]
        return not left

    with platform.customers():
        platform.until(all_answered, _PATIENCE_SECONDS)
    return left


def main() -> int:
    """0 when every query has an answer, 1 with those that have none."""
    every = questions()
    asked = [one for one in every if not one.is_for_a_cluster]
    with tempfile.TemporaryDirectory(prefix="waybill-dashboards-") as folder, watched(Path(folder)) as platform:
        left = unanswered(platform, asked)
    for one in left:
        print(f"nothing: {one.panel}\n         {one.expression}")
    elsewhere = dict.fromkeys(one.panel for one in every if one.is_for_a_cluster)
    print(f"not asked, for they read {CLUSTER}: {'; '.join(elsewhere)}")
    print(f"{len(asked) - len(left)} of {len(asked)} queries answered")
    return 1 if left else 0


if __name__ == "__main__":
    sys.exit(main())
