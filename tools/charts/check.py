"""Checks charts, images and Kubernetes objects as `make check-charts` does, from the quickest check to the slowest."""

import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tools.charts import checkers
from tools.charts.install import HELMS, ROOT, helm, tool
from tools.charts.render import KUBERNETES, Manifest, RenderError, applications, built, cases, objects, parse, render

STYLE = Path(__file__).with_name("yamllint.yaml")
# The game day (marker chaos) watches whole platforms and is no check of files.
TESTS = ("tests/charts", "tests/observability", "-m", "not chaos")
PYTEST = ("-m", "pytest", *TESTS, "-q", "-n", "2", "--dist", "loadscope")
WRITTEN = ("charts/*.yaml", "k8s/*.yaml", "tools/charts/*.yaml", "tests/cluster/*.yaml", "skaffold.yaml")


def main(arguments: list[str]) -> int:
    """0 when every check is content, 1 otherwise; further arguments go to pytest."""
    failed = False
    for name, check in CHECKS:
        started = time.monotonic()
        try:
            faults = check()
        except RenderError as error:
            faults = str(error).splitlines()
        print(f"{'FAILED' if faults else 'ok':7}{name} ({time.monotonic() - started:.0f} s)", flush=True)
        for fault in faults:
            print(f"    {fault}")
        failed = failed or bool(faults)
    tests = subprocess.run([sys.executable, *PYTEST, *arguments], cwd=ROOT, check=False)
    return int(failed or tests.returncode != 0)


def style() -> list[str]:
    """Yamllint on what people wrote."""
    files = [name for name in _tracked(*WRITTEN) if "/templates/" not in name]
    return _complaints([tool("yamllint"), "--strict", "--format", "parsable", "-c", STYLE, *files])


def image_definitions() -> list[str]:
    """Hadolint on every Dockerfile."""
    return _complaints([tool("hadolint"), "--no-color", *map(str, _dockerfiles())])


def shell_scripts() -> list[str]:
    """Shellcheck on every tracked file that a shell runs."""
    scripts = []
    for name in _tracked("*.sh", "tools/*", ".ci/*", "charts/*/files/*"):
        with (ROOT / name).open("rb") as file:
            first = file.readline()
        if first.startswith(b"#!") and b"sh" in first and b"python" not in first:
            scripts.append(name)
    return _complaints([tool("shellcheck"), "--format", "gcc", *scripts])


def schemas_of_values() -> list[str]:
    """Each values.schema.json is a JSON schema."""
    schemas = _tracked("charts/*/values.schema.json")
    return _complaints([tool("check-jsonschema"), "--check-metaschema", *schemas])


def generated_files() -> list[str]:
    """The files that `make charts-docs` writes are what it would write now."""
    faults = []
    for writer in ("tools.charts.write_schemas", "tools.charts.write_readmes"):
        faults += _complaints([sys.executable, "-m", writer, "--check"])
    return faults


def helm_lint() -> list[str]:
    """Helm's own lint, on every chart with every file of its values."""
    command = (helm(next(iter(HELMS))), "lint", "--strict", "--quiet", "--kube-version", KUBERNETES)

    def lint(chart: str) -> list[str]:
        folder = built() / chart
        # Given values would be read as each subchart's own, so subcharts are linted with their defaults.
        faults = _complaints([*command, "--with-subcharts", folder])
        for values in sorted((folder / "ci").glob("*-values.yaml")):
            faults += _complaints([*command, folder, "--values", values])
        return faults

    with ThreadPoolExecutor(2) as pool:
        return [fault for faults in pool.map(lint, applications()) for fault in faults]


def rendering() -> list[str]:
    """Every case renders with every Helm; the tests compare what came out."""
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda pair: render(pair[0], version=pair[1]), [(case, v) for case in cases() for v in HELMS]))
    return []


def kubernetes_schemas() -> list[str]:
    """The strict schemas of the oldest and the newest Kubernetes that must work."""
    manifests = _everything()
    with ThreadPoolExecutor(2) as pool:
        found = list(pool.map(lambda version: checkers.refused_by_kubernetes(manifests, version), checkers.VERSIONS))
    return [fault for faults in found for fault in faults]


def custom_resources() -> list[str]:
    """The definitions of Prometheus Operator, KEDA and Gateway API."""
    return checkers.refused_by_definitions(_everything())


def policies() -> list[str]:
    """Checkov, with the findings that may stay."""
    rendered = checkers.once(each for case in cases() for each in objects(case))
    return checkers.refused_by_checkov(rendered, checkers.agreed_skips(), _dockerfiles())


CHECKS: tuple[tuple[str, Callable[[], list[str]]], ...] = (
    ("yamllint", style),
    ("hadolint", image_definitions),
    ("shellcheck", shell_scripts),
    ("schemas of values", schemas_of_values),
    ("generated files", generated_files),
    ("helm lint", helm_lint),
    ("render matrix", rendering),
    (f"Kubernetes {' and '.join(checkers.VERSIONS)}", kubernetes_schemas),
    ("custom resources", custom_resources),
    ("checkov", policies),
)


def _everything() -> list[Manifest]:
    """Return what the charts render and what stands in k8s/."""
    rendered = [each for case in cases() for each in objects(case)]
    for name in _tracked("k8s/*.yaml"):
        written = parse((ROOT / name).read_text(encoding="utf-8"))
        rendered += [each for each in written if "apiVersion" in each]  # the rest are values and patches
    return checkers.once(rendered)


def _dockerfiles() -> list[Path]:
    return [ROOT / name for name in _tracked("Dockerfile", "*/Dockerfile", "*.Dockerfile")]


def _tracked(*patterns: str) -> list[str]:
    """Return the files of the repository, new ones included, that match; a `*` also matches a slash."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", *patterns]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return [name for name in done.stdout.splitlines() if (ROOT / name).is_file()]


def _complaints(command: Sequence[str | Path]) -> list[str]:
    """Run a checker; return its lines when it is not content."""
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode == 0:
        return []
    lines = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
    return lines or [f"{Path(command[0]).name} ended with {done.returncode}"]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
