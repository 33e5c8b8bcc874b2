"""Docs that cannot rot: the commands, settings, paths and links they name exist, and generated pages are current."""

import importlib.util
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LISTED = subprocess.run(
    ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
    cwd=ROOT,
    check=True,
    capture_output=True,
    text=True,
)
FILES = sorted(name for name in LISTED.stdout.splitlines() if (ROOT / name).exists())
DOCS = [name for name in FILES if name.endswith(".md") and "/vectors/" not in name]
FOLDERS = {name.split("/")[0] for name in FILES if "/" in name}

CODE = re.compile(r"```.*?```|`[^`\n]+`", re.DOTALL)
MAKE = re.compile(r"\bmake ([a-z][a-z0-9-]*(?: [a-z][a-z0-9-]*)*)")
VARIABLE = re.compile(r"\bWAYBILL_[A-Z0-9_]+")
LINK = re.compile(r"\]\(([^)#]+)(?:#[^)]*)?\)")
PATH = re.compile(r"`([A-Za-z0-9_.-]+(?:/[A-Za-z0-9_.-]+)*/?)(?:: [a-z_]+\(\))?`")

# Named in code, and no settings of the platform: test doubles, constants, and what charts must refuse as misspelt.
NO_SETTING = re.compile(r"WAYBILL_(AMQP_URI|LOG_LEVLE|DEMO_.*|PEER_.*|TOPOLOGY|DEADLINE_MS|POOL|WEB_POOL)")


def read(name):
    return (ROOT / name).read_text(encoding="utf-8")


def targets():
    """The targets of the Makefile; True for one with a help text."""
    found = re.findall(r"^([a-z][a-z0-9-]*):(?!=)(.*)$", read("Makefile"), re.MULTILINE)
    return {name: " ## " in rest for name, rest in found}


def made(text):
    """The targets that the code in a text names."""
    return {name for code in CODE.findall(text) for found in MAKE.findall(code) for name in found.split()}


def known_variables():
    settings = set(VARIABLE.findall(read("docs/settings.md")))
    return settings | {f"{name}_FILE" for name in settings}


def variables(name):
    # `WAYBILL_ORDERS_…` and `WAYBILL_AUTH_$name` are the beginnings of many names.
    return {found for found in VARIABLE.findall(read(name)) if not found.endswith("_")}


def test_the_readme_names_every_command_and_the_makefile_has_every_one_it_names():
    assert made(read("README.md")) == {name for name, has_help in targets().items() if has_help}


@pytest.mark.parametrize("name", DOCS)
def test_commands_and_settings_of_a_page_exist(name):
    assert made(read(name)) - set(targets()) == set()
    assert variables(name) - known_variables() == set()


def test_settings_that_code_sets_exist():
    code = [name for name in FILES if name.endswith((".py", "/run", "Makefile")) and "settings" not in Path(name).name]
    unknown = {f"{name}: {found}" for name in code for found in variables(name) - known_variables()}
    assert {found for found in unknown if not NO_SETTING.fullmatch(found.partition(": ")[2])} == set()


@pytest.mark.parametrize("name", DOCS)
def test_links_and_paths_of_a_page_lead_somewhere(name):
    text, here = read(name), (ROOT / name).parent
    links = [link for link in LINK.findall(text) if "://" not in link]
    assert [link for link in links if not (here / link).exists()] == []
    paths = [path for path in PATH.findall(text) if path.split("/")[0] in FOLDERS and "/" in path]
    # `tests/contract/test_access.py` of a page for all services is in at least one of them.
    places = [ROOT, here, *(ROOT / "services").iterdir()]
    assert [path for path in paths if not any((place / path).exists() for place in places)] == []


def test_the_page_of_settings_is_current():
    spec = importlib.util.spec_from_file_location("write_settings", ROOT / "tools" / "write_settings.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert read("docs/settings.md") == module.render(), "run make settings"


@pytest.mark.parametrize("folder", ["services/auth", "services/orders", "services/notifier", "sandbox"])
def test_whoever_runs_alone_has_a_readme(folder):
    assert f"{folder}/README.md" in FILES


DECISIONS = [name for name in DOCS if name.startswith("docs/adr/")]


def test_decisions_are_numbered_without_gaps():
    assert [Path(name).name[:4] for name in DECISIONS] == [f"{n:04d}" for n in range(1, len(DECISIONS) + 1)]


@pytest.mark.parametrize("name", DECISIONS)
def test_a_decision_has_its_five_parts_and_one_sentence_to_quote(name):
    text = read(name)
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == [
        "Context",
        "Decision",
        "Consequences",
        "Alternatives",
        "Check",
    ]
    decision = text.partition("## Decision\n\n")[2].partition("\n\n## ")[0]
    assert re.fullmatch(r"\*\*[^*]+\.\*\*", decision)
    assert len(text.splitlines()) < 60


def test_the_checks_of_the_docs_can_fail():
    assert made("see `make nothing`, or `make layout setings`, to make sure") == {"nothing", "layout", "setings"}
    forgotten = "_".join(["WAYBILL", "ORDERS", "FORGOTTEN"])
    assert VARIABLE.findall(f"`{forgotten}`") == [forgotten]
    assert forgotten not in known_variables()
    assert LINK.findall("[x](docs/no.md#part)") == ["docs/no.md"]
    assert PATH.findall("`tests/no.py`, `domain/change.py: change()`") == ["tests/no.py", "domain/change.py"]
