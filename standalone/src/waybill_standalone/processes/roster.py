"""The file `.waybill/processes.json`: which process is what, true at every moment."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypedDict

import psutil

from waybill_standalone.home import Home
from waybill_standalone.servers.child import Child

FILE = "processes.json"


class Entry(TypedDict):
    """One process; ports are 0 where it has none."""

    name: str
    role: str
    service: str
    pid: int
    port: int
    admin_port: int


class Roster:
    """Writes the file anew when something changed, whole or not at all."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._written: list[Entry] | None = None

    def update(self, children: Iterable[Child]) -> None:
        """List `children` that run, and the gunicorn workers below those of role `web`."""
        entries = [entry for child in children if child.exit_code() is None for entry in _entries(child)]
        if entries != self._written:
            self._home.write(FILE, entries)
            self._written = entries


def _entries(child: Child) -> Iterable[Entry]:
    program = child.program
    if not program.role:
        return
    first = Entry(
        name=program.name,
        role=program.role,
        service=program.service,
        pid=child.pid,
        port=program.port,
        admin_port=program.admin_port,
    )
    yield first
    if program.role != "web":
        return
    for number, pid in enumerate(_workers(child.pid), start=1):
        yield Entry(**{**first, "name": f"{program.name}-worker-{number}", "role": "web-worker", "pid": pid})


def _workers(pid: int) -> list[int]:
    try:
        children = psutil.Process(pid).children()
        return sorted(one.pid for one in children if one.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return []
