"""The folder `.waybill`: data, logs and secrets of one platform, used by one process at a time."""

from __future__ import annotations

import fcntl
import json
import os
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any

_ELSEWHERE = "name another folder by WAYBILL_HOME"


class HomeError(Exception):
    """The folder cannot be used; the message says why and what to do."""


class Home:
    """Opens the folder, locks it for this process, and keeps its secrets in `secrets.json` (mode 0600)."""

    def __init__(self, folder: Path) -> None:
        """Raises HomeError when the folder cannot be written or another process runs a platform from it."""
        self.folder = folder
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self.logs.mkdir(mode=0o700, exist_ok=True)
            self._lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise HomeError(f"cannot write to {folder} ({error.strerror}); {_ELSEWHERE}") from None
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            owner = os.pread(self._lock, 20, 0).decode().strip()
            os.close(self._lock)
            raise HomeError(
                f"a platform runs from {folder} already (process {owner}); stop it, or {_ELSEWHERE}"
            ) from None
        os.ftruncate(self._lock, 0)
        os.pwrite(self._lock, str(os.getpid()).encode(), 0)
        self._secrets = self._read_secrets()

    @property
    def logs(self) -> Path:
        """Where each process writes its log."""
        return self.folder / "logs"

    def secret(self, name: str, make: Callable[[], str] = lambda: secrets.token_urlsafe(24)) -> str:
        """A secret that was made once for this folder; `make` gives a new one the first time."""
        if name not in self._secrets:
            self._secrets[name] = make()
            self.write("secrets.json", self._secrets)
        return self._secrets[name]

    def write(self, name: str, value: Any) -> Path:
        """Write `value` as JSON to a file that only we may read, whole or not at all, and return its path."""
        path = self.folder / name
        beside = path.with_suffix(f".{os.getpid()}.new")
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(value, file, indent=2, ensure_ascii=False)
            file.write("\n")
        beside.replace(path)
        return path

    def close(self) -> None:
        """Give the folder free for the next process."""
        os.close(self._lock)

    def _read_secrets(self) -> dict[str, str]:
        path = self.folder / "secrets.json"
        if not path.exists():
            return {}
        try:
            stored: dict[str, str] = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise HomeError(f"{path} cannot be read ({error}); remove {self.folder} to begin anew") from None
        return stored
