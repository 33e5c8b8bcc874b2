"""Sees to it that a RabbitMQ server can be started here: finds it, installs it where it may, or says how to."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PLACES = ("/usr/sbin", "/usr/local/sbin", "/usr/lib/rabbitmq/bin", "/opt/homebrew/sbin")
GIVEN = ("WAYBILL_TEST_AMQP_URL", "WAYBILL_AMQP_URL")
NO_START = Path("/usr/sbin/policy-rc.d")


def main() -> int:
    """0 when a server is there or given by URL, 1 with one line on stderr otherwise."""
    if any(os.environ.get(name) for name in GIVEN) or _is_installed():  # noqa: TID251 - a tool has no config.py
        return 0
    if shutil.which("apt-get") is None:
        return _fail("install rabbitmq-server with this machine's package manager (macOS: brew install rabbitmq)")
    if os.geteuid() != 0:
        return _fail("sudo apt-get install rabbitmq-server")
    print("setup: installing rabbitmq-server from the system's packages", flush=True)
    with _without_starting_it():
        for arguments in (["update", "-qq"], ["install", "-qq", "--no-install-recommends", "rabbitmq-server"]):
            error = _apt(arguments)
            if error:
                return _fail(f"apt-get {arguments[0]} failed ({error}); try apt-get install rabbitmq-server")
    return 0 if _is_installed() else _fail("apt-get installed the package but no rabbitmq-server is to be found")


def _is_installed() -> bool:
    return shutil.which("rabbitmq-server", path=os.pathsep.join((os.defpath, *PLACES))) is not None or bool(
        shutil.which("rabbitmq-server")
    )


def _apt(arguments: list[str]) -> str:
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}  # noqa: TID251
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


def _fail(how: str) -> int:
    print(f"error: RabbitMQ is missing: {how}; or name a running one by WAYBILL_TEST_AMQP_URL", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
