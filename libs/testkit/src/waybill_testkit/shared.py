"""Things made once per test run and shared by its pytest-xdist workers: servers and template databases."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from filelock import FileLock

Record = dict[str, Any]


class RunFolder:
    """A folder of one test run; each named record in it is made by the first who asks and read by the others."""

    def __init__(self, folder: Path, owner_pid: int) -> None:
        """`owner_pid` is the process whose end is the end of the run (the xdist controller, else pytest itself)."""
        self.folder = folder
        self.owner_pid = owner_pid

    def once(self, name: str, make: Callable[[], Record]) -> Record:
        """The record `name`, made by `make` under a lock when nobody made it yet."""
        path = self.folder / f"{name}.json"
        with FileLock(self.folder / f"{name}.lock"):
            if path.exists():
                return self._read(path)
            record = make()
            path.write_text(json.dumps(record))
            return record

    def get(self, name: str) -> Record | None:
        """The record `name`, if somebody made it."""
        path = self.folder / f"{name}.json"
        return self._read(path) if path.exists() else None

    def delete(self) -> None:
        """Remove the folder."""
        shutil.rmtree(self.folder, ignore_errors=True)

    @staticmethod
    def _read(path: Path) -> Record:
        record: Record = json.loads(path.read_text())
        return record
