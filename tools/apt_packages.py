"""Installs Debian packages of servers that the checks start themselves, without letting Debian start them."""

import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

NO_START = Path("/usr/sbin/policy-rc.d")


def install(packages: Sequence[str], elsewhere: str) -> str:
    """Install where it may; return "" or what a person should do: `elsewhere` is the advice without apt-get."""
    named = " ".join(packages)
    if shutil.which("apt-get") is None:
        return elsewhere
    if os.geteuid() != 0:
        return f"sudo apt-get install {named}"
    print(f"setup: installing {named} from the system's packages", flush=True)
    with _without_starting_it():
        for arguments in (["update", "-qq"], ["install", "-qq", "--no-install-recommends", *packages]):
            error = _apt(arguments)
            if error:
                return f"apt-get {arguments[0]} failed ({error}); try apt-get install {named}"
    return ""


def _apt(arguments: list[str]) -> str:
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}  # noqa: TID251 - a tool has no config.py
    command = ["apt-get", "-y", *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode == 0:
        return ""
    lines = [line for line in (done.stderr + done.stdout).splitlines() if line.strip()]
    return lines[-1] if lines else f"exit {done.returncode}"


@contextmanager
def _without_starting_it() -> Iterator[None]:
    """Debian starts a service on installation; ours are started by the tests, on free ports, with their own data."""
    if NO_START.exists():
        yield
        return
    NO_START.write_text("#!/bin/sh\nexit 101\n")
    NO_START.chmod(0o755)
    try:
        yield
    finally:
        NO_START.unlink()
