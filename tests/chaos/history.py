"""What the clients saw: every command with its key, every answer, and which commands never got a final one."""

from __future__ import annotations

import json
import threading
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Command:
    """One keyed command as a client means it; `note` is text that the effect can be found by."""

    kind: str
    key: str
    path: str
    body: dict[str, Any]
    caller: str


@dataclass
class Record:
    """A command and how it ended: `status` is that of the final answer, None when there was none to the end."""

    command: Command
    tries: int = 0
    status: int | None = None
    answer: dict[str, Any] = field(default_factory=dict)
    answers_differ: bool = False


class History:
    """All records of a run, safe to add to from many threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._records: list[Record] = []

    def begin(self, command: Command) -> Record:
        """Note that a command is about to be sent."""
        record = Record(command)
        with self._lock:
            self._records.append(record)
        return record

    def of(self, kind: str) -> list[Record]:
        """Return the records of one kind of command, in the order they began."""
        with self._lock:
            return [record for record in self._records if record.command.kind == kind]

    def all(self) -> list[Record]:
        """Return every record."""
        with self._lock:
            return list(self._records)

    def write(self, path: Path) -> None:
        """Write one JSON object a line."""
        with path.open("w", encoding="utf-8") as file:
            for record in self.all():
                file.write(json.dumps(asdict(record), ensure_ascii=False) + "\n")
