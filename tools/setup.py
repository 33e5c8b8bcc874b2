"""Makes .venv with the locked requirements and the workspace's packages; quick when nothing changed."""
# Standard library only, in a syntax that Python 3.6 reads: an old interpreter must get our message, not a SyntaxError.

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

OLDEST = (3, 11)
ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
STAMP = VENV / ".waybill-setup"
BOOTSTRAP = ROOT / "requirements" / "bootstrap.txt"
LOCKED = ROOT / "requirements" / "dev.txt"
PACKAGES = (
    "libs/common",
    "libs/testkit",
    "services/auth",
    "services/orders",
    "services/notifier",
    "sandbox",
    "standalone",
    "cli",
)


class SetupError(Exception):
    """What is wrong and what to do about it, in one line."""


def main() -> int:
    """Bring .venv up to date; 0 when it is, 1 with one line on stderr when it cannot be."""
    try:
        _check_python()
        _check_folder()
        with _OneAtATime():
            fingerprint = _fingerprint()
            if _is_current(fingerprint):
                return 0
            _make_venv()
            _install()
            STAMP.write_text(fingerprint)
    except SetupError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("error: setup was interrupted; run it again, it goes on from here", file=sys.stderr)
        return 130
    return 0


def _check_python() -> None:
    if sys.version_info[:2] < OLDEST:
        found = ".".join(str(part) for part in sys.version_info[:3])
        raise SetupError(
            f"Waybill needs Python {OLDEST[0]}.{OLDEST[1]} or newer, but {sys.executable} is {found};"
            " install a newer one and name it: make setup PYTHON=python3.12"
        )


def _check_folder() -> None:
    probe = ROOT / f".setup-probe.{os.getpid()}"
    try:
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise SetupError(
            f"cannot write to {ROOT} ({error.strerror}); clone Waybill into a folder of your own"
        ) from None


class _OneAtATime:
    """Two makes in one clone must not build the same environment at once."""

    def __enter__(self) -> None:
        import fcntl

        self._handle = os.open(str(ROOT), os.O_RDONLY)
        fcntl.flock(self._handle, fcntl.LOCK_EX)

    def __exit__(self, *_exc: object) -> None:
        os.close(self._handle)


def _fingerprint() -> str:
    """Everything that decides what the environment holds: interpreter, place, locks and package definitions."""
    digest = hashlib.sha256(f"{sys.version}\n{ROOT}\n".encode())
    for path in [Path(__file__), BOOTSTRAP, LOCKED] + [ROOT / package / "pyproject.toml" for package in PACKAGES]:
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _is_current(fingerprint: str) -> bool:
    return (VENV / "bin" / "python").exists() and STAMP.exists() and STAMP.read_text() == fingerprint


def _make_venv() -> None:
    python = VENV / "bin" / "python"
    want = "{}.{}".format(*sys.version_info[:2])
    if python.exists() and (VENV / "bin" / "pip").exists():
        probe = [str(python), "-c", "import sys; print('{}.{}'.format(*sys.version_info[:2]))"]
        found = subprocess.run(probe, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False)
        if found.returncode == 0 and found.stdout.decode().strip() == want:
            return
    _say(f"making .venv with Python {want}")
    done = _run([sys.executable, "-m", "venv", "--clear", str(VENV)])
    if done.returncode != 0:
        shutil.rmtree(str(VENV), ignore_errors=True)
        raise SetupError(_venv_message(done.stdout, want))


def _venv_message(output: str, version: str) -> str:
    if "ensurepip" in output or "No module named venv" in output:
        return f"this Python comes without its venv module; on Debian or Ubuntu: apt-get install python{version}-venv"
    return f"could not make {VENV}: {_last_line(output)}"


def _install() -> None:
    python = str(VENV / "bin" / "python")
    _say("installing the locked requirements (a minute or two the first time)")
    pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--retries", "2"]
    _step([*pip, "--require-hashes", "-r", str(BOOTSTRAP)], "uv, the installer")
    uv = [str(VENV / "bin" / "uv"), "pip", "install", "--quiet", "--python", python]
    _step([*uv, "--require-hashes", "-r", str(LOCKED)], "the locked requirements")
    editable = []
    for package in PACKAGES:
        editable += ["-e", str(ROOT / package)]
    # Everything they need is installed, so nothing is resolved, built in isolation or fetched here.
    _step([*uv, "--offline", "--no-deps", "--no-build-isolation", *editable], "Waybill's own packages")


def _step(command: "list[str]", what: str) -> None:
    done = _run(command)
    if done.returncode == 0:
        return
    for line in done.stdout.splitlines()[-15:]:
        print("    " + line, file=sys.stderr)
    if any(word in done.stdout for word in ("No space left", "os error 28")):
        raise SetupError(f"could not install {what}: the disk is full")
    raise SetupError(
        f"could not install {what} (see above); it needs a package registry: check the network, a proxy (HTTPS_PROXY)"
        " or a mirror (PIP_INDEX_URL), then run the same command again"
    )


def _run(command: "list[str]") -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=_environment(),
        check=False,
    )


def _environment() -> "dict[str, str]":
    """The caller's environment; uv is told what the machine has set for pip, since it does not read that itself."""
    env = dict(os.environ)  # noqa: TID251 - runs before there is a config.py
    for name in ("PYTHONHOME", "PYTHONPATH", "VIRTUAL_ENV"):
        env.pop(name, None)
    for theirs, ours in (
        ("PIP_INDEX_URL", "UV_DEFAULT_INDEX"),
        ("PIP_EXTRA_INDEX_URL", "UV_INDEX"),
        ("PIP_CERT", "SSL_CERT_FILE"),
        ("PIP_FIND_LINKS", "UV_FIND_LINKS"),
    ):
        if theirs in env:
            env.setdefault(ours, env[theirs])
    env.setdefault("UV_HTTP_TIMEOUT", "120")
    return env


def _say(text: str) -> None:
    print("setup: " + text, flush=True)


def _last_line(output: str) -> str:
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    return lines[-1] if lines else "no reason was given"


if __name__ == "__main__":
    sys.exit(main())
