"""Parent of one test server: starts it, reaps it, and kills it when the test run it belongs to is gone."""

from __future__ import annotations

import os
import pwd
import subprocess
import sys
from pathlib import Path

import psutil

_CHECK_EVERY_SECONDS = 1.0


def main(arguments: list[str]) -> None:
    """Fork; the parent prints the server's pid and ends, the child stays as the keeper."""
    owner_pid, log, user, *command = arguments
    reader, writer = os.pipe()
    if os.fork():
        os.close(writer)
        with os.fdopen(reader) as answer:
            pid = answer.read()
        if not pid:
            raise SystemExit(f"could not start {command[0]}: see {log}")
        sys.stdout.write(pid)
        return
    os.close(reader)
    os.setsid()
    os.dup2(os.open(os.devnull, os.O_RDWR), 1)  # the pipe of whoever waits for the pid
    server = _start(command, Path(log), user or None)
    with os.fdopen(writer, "w") as answer:
        answer.write(str(server.pid))
    _keep(server, int(owner_pid))


def _start(command: list[str], log: Path, user: str | None) -> subprocess.Popen[bytes]:
    entry = pwd.getpwnam(user) if user else None
    with log.open("ab") as output:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            user=entry.pw_uid if entry else None,
            group=entry.pw_gid if entry else None,
            extra_groups=[] if entry else None,
        )


def _keep(server: subprocess.Popen[bytes], owner_pid: int) -> None:
    owner = psutil.Process(owner_pid) if psutil.pid_exists(owner_pid) else None
    while owner is not None and owner.is_running():
        try:
            server.wait(_CHECK_EVERY_SECONDS)
        except subprocess.TimeoutExpired:
            continue
        return
    children = psutil.Process(server.pid).children(recursive=True) if server.poll() is None else []
    server.kill()
    for child in children:
        if child.is_running():
            child.kill()
    server.wait()


if __name__ == "__main__":
    main(sys.argv[1:])
