"""Each alert has a page that says what it means, where to look, what to do, and whether that was rehearsed."""

import re
from pathlib import Path
from typing import Any

import pytest

from tests.observability.promtool import alerts

pytestmark = pytest.mark.contract

FOLDER = Path(__file__).resolve().parents[2] / "docs/runbooks"
NAMES = sorted({rule["alert"] for rule in alerts()})
SECTIONS = ["## First look", "## Repair", "## Rehearsed"]


def test_there_is_a_page_for_each_alert_and_none_besides() -> None:
    assert sorted(page.stem for page in FOLDER.glob("*.md")) == sorted([*NAMES, "README"])


@pytest.mark.parametrize("name", NAMES)
def test_a_page_has_its_sections_in_order(name: str) -> None:
    text = (FOLDER / f"{name}.md").read_text(encoding="utf-8")
    severity = {rule["labels"]["severity"] for rule in alerts() if rule["alert"] == name}
    assert text.startswith(f"# {name}\n\n**{severity.pop().capitalize()}.** ")
    assert re.findall(r"^## .+$", text, re.MULTILINE) == SECTIONS
    assert text.split("## Rehearsed")[1].strip()


@pytest.mark.parametrize("name", NAMES)
def test_the_annotation_leads_to_the_page(name: str) -> None:
    links = {rule["annotations"]["runbook_url"] for rule in alerts() if rule["alert"] == name}
    assert links == {f"https://runbooks.waybill.example/{name}.md"}


@pytest.mark.parametrize("rule", alerts(), ids=lambda rule: rule["alert"])
def test_an_alert_says_who_is_affected_and_how_badly(rule: dict[str, Any]) -> None:
    assert set(rule["annotations"]) == {"summary", "description", "runbook_url", "dashboard_url"}
    assert rule["labels"]["severity"] in {"page", "ticket"}
    assert rule["annotations"]["summary"].endswith(".")


def test_the_index_names_every_page() -> None:
    text = (FOLDER / "README.md").read_text(encoding="utf-8")
    assert set(re.findall(r"\((\w+)\.md\)", text)) == set(NAMES)
