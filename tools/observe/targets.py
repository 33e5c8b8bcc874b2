"""What Prometheus scrapes: the platform's list of processes as files for its file_sd."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from waybill_standalone.processes.roster import Entry

_PROCESSES = ("web", "relay", "consumer", "worker")


class Targets:
    """Keeps `waybill.json` and `rabbitmq.json` in a folder true.

    A process that died stays a target, as a pod does while its container is started again: it is down, not gone.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._seen: dict[str, Entry] = {}

    def update(self, running: Iterable[Entry]) -> None:
        """Take what runs now; the files change only when a target is new or has moved."""
        before = dict(self._seen)
        wanted = (*_PROCESSES, "rabbitmq")
        self._seen |= {entry["name"]: entry for entry in running if entry["role"] in wanted and entry["admin_port"]}
        if _addresses(before) == _addresses(self._seen) and before:
            return
        entries = list(self._seen.values())
        services = [
            _target(one, {"service": one["service"], "process": one["role"]})
            for one in entries
            if one["role"] in _PROCESSES
        ]
        self._write("waybill.json", services)
        self._write("rabbitmq.json", [_target(one, {}) for one in entries if one["role"] == "rabbitmq"])

    def _write(self, name: str, targets: list[dict[str, Any]]) -> None:
        fresh = self._folder / f"{name}.new"
        fresh.write_text(json.dumps(targets, indent=1), encoding="utf-8")
        fresh.rename(self._folder / name)


def _target(entry: Entry, labels: Mapping[str, str]) -> dict[str, Any]:
    """Label a target as the charts' monitors do; a process stands where a pod would."""
    return {"targets": [f"127.0.0.1:{entry['admin_port']}"], "labels": {**labels, "pod": entry["name"]}}


def _addresses(entries: Mapping[str, Entry]) -> dict[str, int]:
    return {name: entry["admin_port"] for name, entry in entries.items()}
