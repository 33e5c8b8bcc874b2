"""What a new service may be called, and that a repository which has changed is refused before anything is written."""

from pathlib import Path

import click
import pytest
from waybill_cli.scaffold.chart import without
from waybill_cli.scaffold.files import service_files
from waybill_cli.scaffold.names import NewService, name_service
from waybill_cli.scaffold.shared_files import EDITS, AnchorError, changed_files

ROOT = Path(__file__).resolve().parents[3]
DEMO = NewService("demo", 8085)
pytestmark = pytest.mark.unit


def test_the_next_port_is_taken_and_a_taken_one_refused():
    assert name_service(ROOT, "demo", None).port == 8085
    assert name_service(ROOT, "demo", 9_000).port == 9_000
    with pytest.raises(click.UsageError, match="8083 is taken"):
        name_service(ROOT, "demo", 8083)


@pytest.mark.parametrize("name", ["Demo", "my-service", "x", "orders", "sandbox", "common", "cli", "import_this"])
def test_a_name_is_one_new_word(name):
    with pytest.raises(click.UsageError):
        name_service(ROOT, name, None)


def test_another_folder_is_no_clone(tmp_path):
    with pytest.raises(click.UsageError, match="no clone"):
        name_service(tmp_path, "demo", None)


def test_every_shared_file_gets_its_lines_and_a_changed_one_is_named(tmp_path):
    changed = dict(changed_files(ROOT, DEMO))
    assert set(map(str, changed)) == {edit.path for edit in EDITS}
    for path, text in changed.items():
        assert "demo" in text.lower(), path
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text((ROOT / path).read_text(encoding="utf-8"), encoding="utf-8")
    (tmp_path / "tools/lock").write_text("other words\n", encoding="utf-8")
    with pytest.raises(AnchorError, match="tools/lock"):
        list(changed_files(tmp_path, DEMO))


def test_no_template_leaves_a_blank_and_none_speaks_of_the_model():
    for path, text in service_files(DEMO):
        assert "<<" not in text, path
        assert "__name__" not in str(path), path
        assert "waybill_orders" not in text, path


def test_a_block_goes_with_its_comment_and_leaves_its_neighbours():
    text = "edges:\n  # -- One.\n  one:\n    ports: [1]\n  # -- Two.\n  two:\n    ports: [2]\n\nafter: 1\n"
    assert without(text, "two") == "edges:\n  # -- One.\n  one:\n    ports: [1]\n\nafter: 1\n"
    assert without(text, "one") == "edges:\n  # -- Two.\n  two:\n    ports: [2]\n\nafter: 1\n"
    with pytest.raises(ValueError, match="three"):
        without(text, "three")
