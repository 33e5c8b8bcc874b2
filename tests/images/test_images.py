"""The images themselves, built as skaffold has them built; needs a builder, a registry and some minutes."""

import re
import subprocess
import tomllib
from pathlib import PurePosixPath

import pytest

from tests.images import faults
from tests.images.conftest import BUILD, ENVIRON, ROOT

# As a node pulls them: layers of a registry are compressed.
BUDGETS = re.findall(r"\[(\w+)\]=(\d+)", (ROOT / "tools" / "build-images.sh").read_text())
BUDGET_MB = {name: int(megabytes) for name, megabytes in BUDGETS}
ENTRYPOINTS = {"auth": "auth", "orders": "orders", "notifier": "notifier", "sandbox": "sandbox", "e2e": "pytest"}

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(1200), pytest.mark.parametrize("name", BUDGET_MB)]


def test_the_process_is_a_user_by_number_with_a_home_and_hears_sigterm_itself(image, name):
    config = image(name).config
    assert config["User"] == "10001:10001"
    assert config["Entrypoint"] == [ENTRYPOINTS[name]]  # exec form: no shell that would keep SIGTERM
    assert config["StopSignal"] == "SIGTERM"
    environment = dict(one.split("=", 1) for one in config["Env"])
    assert image(name).files.visible[environment["HOME"]].owner == 10001
    assert environment["PATH"].startswith("/opt/waybill/bin:")
    assert environment["PYTHONUNBUFFERED"] == "1"


def test_the_labels_say_what_it_was_made_from(image, name):
    labels = {key.rpartition(".")[2]: value for key, value in image(name).config["Labels"].items()}
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert labels["title"] == f"waybill/{name}"
    assert labels["version"] == version
    assert re.fullmatch(r"[0-9a-f]{40}", labels["revision"])
    assert f"WAYBILL_REVISION={labels['revision']}" in image(name).config["Env"]
    assert labels["created"] > "2025"


def test_nothing_in_it_gives_rights_or_can_be_changed(image, name):
    files = image(name).files
    assert faults.giving_rights(files) == []
    assert faults.writable_by_all(files) == []
    assert faults.code_that_can_change(files) == []


def test_there_is_no_installer_and_no_secret_in_it(image, name):
    assert faults.installers(image(name).files) == []
    assert faults.secrets(image(name).files) == []
    assert [step for step in image(name).history if re.search(r"://[^/\s]+@|password|token=", step)] == []


def test_every_module_is_compiled_because_the_root_is_read_only(image, name):
    names = set(image(name).files.visible)
    modules = [PurePosixPath(one) for one in names if one.startswith("/opt/waybill/lib") and one.endswith(".py")]
    ours = [one for one in modules if "waybill_" in str(one)]
    compiled = {str(one.parent / "__pycache__" / f"{one.stem}.cpython") for one in ours}
    assert ours
    assert compiled <= {re.sub(r"-\d+\.pyc$", "", one) for one in names}


def test_what_a_node_pulls_stays_within_its_budget(image, name):
    megabytes = image(name).pulled_bytes / 1e6
    assert megabytes <= BUDGET_MB[name], f"{megabytes:.0f} MB"


def test_an_unknown_image_is_one_clear_line(name):
    run = subprocess.run([BUILD, f"{name}-x"], env=ENVIRON, capture_output=True, text=True, check=False)
    assert (run.returncode, run.stderr) == (
        1,
        f"error: no image '{name}-x'; there are: auth orders notifier sandbox e2e\n",
    )
