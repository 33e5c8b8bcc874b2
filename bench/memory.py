"""Row: memory at rest, as proportional set size: the standalone runner whole, and each real process."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import psutil
from waybill_standalone.platform import Platform

from bench.results import Row, plain

_REST_SECONDS = 10.0


def run(_rounds: int, _seconds: float) -> list[Row]:
    """Start each form, let it come to rest, and read the kernel's figures."""
    rows = []
    with Platform(Path(tempfile.mkdtemp(prefix="waybill-bench-")), "standalone") as platform:
        time.sleep(_REST_SECONDS)  # what is measured is rest itself
        rows.append(plain("memory at rest: standalone, everything in it", _family(platform.pid), "<= 350", "MiB PSS"))
    with Platform(Path(tempfile.mkdtemp(prefix="waybill-bench-")), "processes") as platform:
        time.sleep(_REST_SECONDS)
        whole = _family(platform.pid)
        rows.append(plain("memory at rest: all processes, servers included", whole, "published", "MiB PSS"))
        by_role: dict[str, list[float]] = {}
        for entry in platform.processes():
            size = _family(entry["pid"]) if entry["role"] in {"postgres", "rabbitmq"} else _pss(entry["pid"])
            by_role.setdefault(f"{entry['service']} {entry['role']}", []).append(size)
        for name, sizes in sorted(by_role.items()):
            rows.append(plain(f"memory at rest: {name}", sum(sizes) / len(sizes), "published", "MiB PSS", len(sizes)))
    return rows


def _family(pid: int) -> float:
    parent = psutil.Process(pid)
    return sum(_pss(process.pid) for process in [parent, *parent.children(recursive=True)])


def _pss(pid: int) -> float:
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) / 1024
    raise RuntimeError(f"process {pid} has no proportional set size")
