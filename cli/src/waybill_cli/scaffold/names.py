"""What a new service is called, and what of the repository that must not be taken yet."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import click

_NAME = re.compile(r"[a-z][a-z]{2,19}")
_PORTS = "standalone/src/waybill_standalone/config.py"


@dataclass(frozen=True)
class NewService:
    """One word in lower case, and the web port; the internal port is 1000 higher."""

    name: str
    port: int

    @property
    def title(self) -> str:
        """The name as alerts begin with it."""
        return self.name.title()


def name_service(root: Path, name: str, port: int | None) -> NewService:
    """Check the name and choose the port after the last one taken; raises UsageError."""
    if not (root / "services").is_dir() or not (root / ".importlinter").exists():
        raise click.UsageError(f"{root} is no clone of Waybill; run this at its root, or name it by --root")
    if not _NAME.fullmatch(name):
        raise click.UsageError("a service has one word as its name: 3 to 20 small letters")
    if any((root / folder / name).exists() for folder in (".", "services", "libs", "charts")):
        raise click.UsageError(f"there is a {name} already")
    (listed,) = re.findall(r"^_PORTS = \{(.*)\}$", (root / _PORTS).read_text(encoding="utf-8"), re.MULTILINE)
    taken = [int(found) for found in re.findall(r"\d+", listed)]
    if port in taken:
        raise click.UsageError(f"port {port} is taken; {_PORTS} lists them")
    return NewService(name, port or max(taken) + 1)
