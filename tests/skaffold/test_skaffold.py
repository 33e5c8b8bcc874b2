"""skaffold.yaml, read without skaffold: each image has its release, each path exists, dev relaxes one thing."""

import fnmatch
import re
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
SERVICES = ("auth", "orders", "notifier")
CONFIGS = {one["metadata"]["name"]: one for one in yaml.safe_load_all((ROOT / "skaffold.yaml").read_text())}
JOB = yaml.safe_load((ROOT / "k8s" / "verify-job.yaml").read_text())
ARTIFACTS = {
    artifact["image"]: artifact
    for config in CONFIGS.values()
    for artifact in config.get("build", {}).get("artifacts", [])
}

pytestmark = pytest.mark.unit


def releases(config):
    return config.get("deploy", {}).get("helm", {}).get("releases", [])


def profile(config, name):
    return next(one for one in CONFIGS[config]["profiles"] if one["name"] == name)


def added(config, name, path):
    """What the patches of a profile put at a path."""
    return [patch["value"] for patch in profile(config, name).get("patches", []) if patch["path"] == path]


def is_a_value(chart, key):
    """Whether a chart's values have a key like `web.resources`; what is below a free-form one is not looked at."""
    values = yaml.safe_load((ROOT / chart / "values.yaml").read_text())
    for part in key.split("."):
        if not isinstance(values, dict) or part not in values:
            return False
        values = values[part]
    return True


def test_there_is_a_module_for_each_service_of_the_one_schema_that_every_skaffold_reads():
    assert set(CONFIGS) == {"dev-deps", *SERVICES, "platform", "e2e"}
    assert {one["apiVersion"] for one in CONFIGS.values()} == {"skaffold/v4beta13"}
    required = {name for one in CONFIGS.values() for each in one.get("requires", []) for name in each["configs"]}
    assert required <= set(CONFIGS)


@pytest.mark.parametrize("image", ARTIFACTS)
def test_an_image_is_built_by_the_script_from_files_that_exist(image):
    custom = ARTIFACTS[image]["custom"]
    script, name = custom["buildCommand"].split()
    assert (script, name) == ("tools/build-image.sh", image.removeprefix("waybill/"))
    for path in custom["dependencies"]["paths"]:
        assert (ROOT / path.removesuffix("/**")).exists(), path


@pytest.mark.parametrize("image", ARTIFACTS)
def test_what_an_image_is_made_of_is_what_skaffold_watches(image):
    paths = ARTIFACTS[image]["custom"]["dependencies"]["paths"]
    script = (ROOT / "tools" / "build-image.sh").read_text()
    name = image.removeprefix("waybill/")
    packages = re.search(rf'^  .*\b{name}\b.*\) packages="([^"]+)"', script, re.MULTILINE)[1].replace("$name", name)
    inputs = ["Dockerfile", ".dockerignore", "requirements/build.txt", f"requirements/{name}.txt"]
    inputs += [f"{package}/pyproject.toml" for package in packages.split()]
    if name == "e2e":
        inputs += ["pyproject.toml", "contracts/x", "tests/e2e/x"]
    assert [one for one in inputs if not any(fnmatch.fnmatch(one, path) for path in paths)] == []


@pytest.mark.parametrize("service", SERVICES)
def test_the_daemon_profile_builds_the_same_target_from_the_same_packages(service):
    docker = profile(service, "docker")["build"]["artifacts"][0]["docker"]
    assert docker["target"] == service
    assert docker["buildArgs"] == {"NAME": service, "PACKAGES": f"libs/common services/{service}"}


def test_every_image_but_that_of_the_tests_is_what_a_release_runs():
    templates = set()
    for release in (one for config in CONFIGS.values() for one in releases(config)):
        templates.update(release.get("setValueTemplates", {}).values())
    for image in set(ARTIFACTS) - {"waybill/e2e"}:
        key = re.sub(r"\W", "_", image)
        assert {f"{{{{.IMAGE_{part}_{key}}}}}" for part in ("DOMAIN", "REPO_NO_DOMAIN", "TAG", "DIGEST")} <= set(
            templates
        )


@pytest.mark.parametrize("config", [name for name in CONFIGS if releases(CONFIGS[name])])
def test_the_values_that_a_release_sets_are_values_of_its_chart(config):
    for release in releases(CONFIGS[config]):
        keys = [*release.get("setValues", {}), *release.get("setValueTemplates", {})]
        assert [key for key in keys if not is_a_value(release["chartPath"], key)] == []
        files = release.get("valuesFiles", []) + [
            value
            for one in CONFIGS[config]["profiles"]
            for patch in one.get("patches", [])
            if "valuesFiles" in patch["path"]
            for value in (patch["value"] if isinstance(patch["value"], list) else [patch["value"]])
        ]
        assert [name for name in files if not (ROOT / name).is_file()] == []


@pytest.mark.parametrize("service", SERVICES)
def test_what_dev_syncs_is_watched_and_ends_where_the_dev_image_runs_it(service):
    (sync,) = added(service, "dev", "/build/artifacts/0/sync")
    watched = ARTIFACTS[f"waybill/{service}"]["custom"]["dependencies"]["paths"]
    for rule in sync["manual"]:
        assert (ROOT / rule["strip"]).is_dir()
        assert any(fnmatch.fnmatch(rule["src"], path) for path in watched)
        assert f"PYTHONPATH={rule['dest']}:" in (ROOT / "Dockerfile").read_text()


def test_dev_relaxes_the_read_only_root_and_nothing_else():
    values = yaml.safe_load((ROOT / "tools" / "skaffold" / "dev-values.yaml").read_text())
    assert values.pop("readOnlyRootFilesystem") is False
    assert set(values) == {"config"}
    for service in SERVICES:
        kept = yaml.safe_load((ROOT / "charts" / service / "ci" / "dev-values.yaml").read_text())
        assert {"readOnlyRootFilesystem", "hostUsers", "podSecurityContext", "securityContext"}.isdisjoint(kept)


def test_the_verify_job_is_the_one_that_skaffold_looks_for_and_may_run_under_restricted():
    (test,) = CONFIGS["e2e"]["verify"]
    assert test["executionMode"]["kubernetesCluster"]["jobManifestPath"] == "k8s/verify-job.yaml"
    pod = JOB["spec"]["template"]["spec"]
    # Skaffold keeps only the container whose name it knows and writes command and args anew.
    assert [one["name"] for one in pod["containers"]] == [test["container"]["name"]]
    assert test["container"]["image"] in ARTIFACTS
    assert test["container"]["command"]
    assert test["container"]["args"]
    assert test["timeout"] >= JOB["spec"]["activeDeadlineSeconds"]
    assert JOB["spec"]["backoffLimit"] == 0
    assert pod["automountServiceAccountToken"] is False
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    (container,) = pod["containers"]
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "privileged": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    labels = JOB["spec"]["template"]["metadata"]["labels"]
    assert labels["app.kubernetes.io/component"] == "test"
