"""The rules of dashboards as code: they load anywhere, explain themselves, and ask only for what exists."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.observability.metric_names import FOREIGN, exported, filled, known, read_by
from tests.observability.promtool import alerts, rules
from tools import write_dashboards

pytestmark = pytest.mark.contract

FILES = sorted(write_dashboards.FOLDER.glob("*.json"))
DASHBOARDS = {path.name: json.loads(path.read_text(encoding="utf-8")) for path in FILES}
ALL = pytest.mark.parametrize("dashboard", DASHBOARDS.values(), ids=list(DASHBOARDS))
CONFIG_MAP_LIMIT = 1_000_000


def expressions(dashboard: dict[str, Any]) -> list[str]:
    """Every expression of its panels and annotations, ready to be parsed."""
    targets = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    return [filled(one) for one in [*targets, *(each["expr"] for each in dashboard["annotations"]["list"])]]


def strings(value: Any) -> list[str]:
    """Every string in a document."""
    if isinstance(value, dict):
        return [text for one in value.values() for text in strings(one)]
    if isinstance(value, list):
        return [text for one in value for text in strings(one)]
    return [value] if isinstance(value, str) else []


def test_there_are_three_and_they_are_what_the_generator_writes() -> None:
    assert {path: path.read_text(encoding="utf-8") for path in FILES} == write_dashboards.files()
    assert len(FILES) == 3


@ALL
def test_it_belongs_to_no_instance_of_grafana(dashboard: dict[str, Any]) -> None:
    assert dashboard["id"] is None
    assert "__inputs" not in dashboard
    assert re.fullmatch(r"waybill-[a-z-]{1,32}", dashboard["uid"])
    assert dashboard["templating"]["list"][0]["type"] == "datasource"
    uids = re.findall(r'"uid": "([^"]+)"', json.dumps({**dashboard, "uid": ""}))
    assert set(uids) == {"${datasource}"}


@ALL
def test_its_panels_explain_themselves(dashboard: dict[str, Any]) -> None:
    panels = dashboard["panels"]
    assert 0 < len(panels) <= 25
    for panel in panels:
        assert panel["title"]
        assert panel["description"].endswith("."), panel["title"]
        assert panel["fieldConfig"]["defaults"]["unit"], panel["title"]
        assert panel["targets"], panel["title"]
        assert all(target["legendFormat"] for target in panel["targets"]), panel["title"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    assert len({panel["title"] for panel in panels}) == len(panels)


@ALL
def test_its_panels_do_not_overlap(dashboard: dict[str, Any]) -> None:
    cells = [
        (x, y)
        for place in (panel["gridPos"] for panel in dashboard["panels"])
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]
    assert len(cells) == len(set(cells))
    assert all(x < 24 for x, _ in cells)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_it_fits_into_a_config_map(path: Path) -> None:
    assert path.stat().st_size < CONFIG_MAP_LIMIT


@ALL
def test_every_expression_parses(dashboard: dict[str, Any], tmp_path: Path) -> None:
    assert parse(expressions(dashboard), tmp_path) == ""


def test_an_expression_that_does_not_parse_is_noticed(tmp_path: Path) -> None:
    assert "parse error" in parse(["sum by (service (up)"], tmp_path)


def parse(found: list[str], folder: Path) -> str:
    """Return "" or what promtool says: it parses the expression of a recording rule."""
    recorded = [{"record": f"panel:{number}", "expr": one} for number, one in enumerate(found)]
    file = folder / "expressions.yaml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "all", "rules": recorded}]}), encoding="utf-8")
    done = subprocess.run(["promtool", "check", "rules", str(file)], capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else done.stdout + done.stderr


@ALL
def test_it_asks_only_for_metrics_that_exist(dashboard: dict[str, Any]) -> None:
    asked = {name for one in expressions(dashboard) for name in read_by(one)}
    assert asked - known() == set()


def test_rules_ask_only_for_metrics_that_exist() -> None:
    asked = {name for rule in rules() for name in read_by(rule["expr"])}
    assert asked - known() == set()


def test_the_list_of_foreign_metrics_has_none_that_is_ours_or_unused() -> None:
    asked = {name for one in DASHBOARDS.values() for text in expressions(one) for name in read_by(text)}
    asked |= {name for rule in rules() for name in read_by(rule["expr"])}
    assert set(FOREIGN) - asked == set()
    assert set(FOREIGN) & exported() == set()


def test_a_metric_that_nobody_exports_is_noticed() -> None:
    expression = 'sum by (up_to) (rate(gone_count{route=~"a|b{2}"}[5m] offset 1h)) / on (x) slo:y:z > 1e3'
    assert read_by(expression) == {"gone_count", "slo:y:z"}
    assert "gone_count" not in known()


def test_every_alert_links_to_a_panel_that_shows_it() -> None:
    panels = {
        f"https://grafana.waybill.example/d/{dashboard['uid']}?viewPanel={panel['id']}": panel
        for dashboard in DASHBOARDS.values()
        for panel in dashboard["panels"]
    }
    for rule in alerts():
        panel = panels[rule["annotations"]["dashboard_url"]]
        shown = {name for target in panel["targets"] for name in read_by(filled(target["expr"]))}
        if rule["alert"].startswith("ErrorBudgetBurn"):
            assert any(name.startswith("service:slo_burn_rate") for name in shown)
        elif rule["alert"] == "UnroutableMessages":
            assert "rabbitmq_detailed_queue_messages" in shown
        else:
            assert shown & read_by(rule["expr"]), rule["alert"]


def test_legends_name_labels_in_double_braces_only() -> None:
    for dashboard in DASHBOARDS.values():
        for legend in [target["legendFormat"] for panel in dashboard["panels"] for target in panel["targets"]]:
            assert re.sub(r"\{\{\w+\}\}", "", legend).count("{") == 0


def test_nothing_names_a_data_source_of_one_installation() -> None:
    assert not [
        text for one in DASHBOARDS.values() for text in strings(one) if text.startswith(("http://", "https://"))
    ]
