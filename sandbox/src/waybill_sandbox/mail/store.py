"""Caught mails in one file: on disk before the sender hears "250", and not in memory."""

from __future__ import annotations

import json
import threading
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from waybill_common.clock import rfc3339, utc_now
from waybill_common.ids import uuid7

KEPT = 20_000


@dataclass(frozen=True, slots=True)
class Summary:
    """What the list shows of a mail, and where it lies in the file."""

    id: str
    to: str
    sender: str
    subject: str
    received_at: str
    offset: int
    length: int


class MailStore:
    """The newest 20,000 mails, in order of arrival; safe for several threads."""

    def __init__(self, path: Path) -> None:
        """Open `path` (JSON lines) and take up what an earlier run caught; a torn last line is dropped."""
        self._path = path
        self._lock = threading.Lock()
        self._summaries: deque[Summary] = deque(maxlen=KEPT)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        end = 0
        with path.open("rb") as file:
            for line in file:
                if not line.endswith(b"\n"):
                    break
                self._summaries.append(_summary(json.loads(line), end, len(line)))
                end += len(line)
        self._file = path.open("r+b")
        self._file.truncate(end)
        self._end = end

    def add(self, raw: bytes, sender: str, recipients: list[str]) -> None:
        """Keep one mail once for each recipient; returns when the operating system has it."""
        parsed = message_from_bytes(raw, policy=policy.default)
        with self._lock:
            for recipient in recipients:
                message = _read(parsed, sender, recipient)
                line = json.dumps(message, ensure_ascii=False).encode("utf-8", "replace") + b"\n"
                self._file.seek(self._end)
                self._file.write(line)
                self._summaries.append(_summary(message, self._end, len(line)))
                self._end += len(line)
            self._file.flush()

    def summaries(self) -> list[Summary]:
        """What is kept, oldest first."""
        with self._lock:
            return list(self._summaries)

    def messages(self, to: str | None = None) -> Iterator[dict[str, Any]]:
        """Whole mails, oldest first; `to` leaves only those to that address, case aside."""
        wanted = [one for one in self.summaries() if to is None or one.to.casefold() == to.casefold()]
        with self._path.open("rb") as file:
            for summary in wanted:
                yield _load(file, summary)

    def message(self, message_id: str) -> dict[str, Any] | None:
        """One whole mail, None when it is not kept."""
        for summary in self.summaries():
            if summary.id == message_id:
                with self._path.open("rb") as file:
                    return _load(file, summary)
        return None

    def clear(self) -> None:
        """Forget every mail."""
        with self._lock:
            self._summaries.clear()
            self._file.truncate(0)
            self._end = 0

    def close(self) -> None:
        """Close the file; nothing can be added afterwards."""
        self._file.close()


def _load(file: Any, summary: Summary) -> dict[str, Any]:
    file.seek(summary.offset)
    loaded: dict[str, Any] = json.loads(file.read(summary.length))
    return loaded


def _summary(message: dict[str, Any], offset: int, length: int) -> Summary:
    return Summary(
        message["id"], message["to"], message["from"], message["subject"], message["received_at"], offset, length
    )


def _read(parsed: EmailMessage, sender: str, recipient: str) -> dict[str, Any]:
    return {
        "id": str(uuid7()),
        "to": recipient,
        "from": sender,
        "subject": str(parsed["subject"] or ""),
        "message_id": str(parsed["message-id"] or ""),
        "text": _body(parsed, "plain"),
        "html": _body(parsed, "html"),
        "headers": _headers(parsed),
        "received_at": rfc3339(utc_now()),
    }


def _body(parsed: EmailMessage, kind: str) -> str:
    part = parsed.get_body((kind,))
    if part is None:
        return ""
    content = part.get_content()
    return content if isinstance(content, str) else ""


def _headers(parsed: EmailMessage) -> dict[str, str | list[str]]:
    """Decoded; a name that comes twice has a list, so that an injected second one is seen."""
    headers: dict[str, str | list[str]] = {}
    for name, value in parsed.items():
        before = headers.get(name)
        if before is None:
            headers[name] = str(value)
        else:
            headers[name] = [*(before if isinstance(before, list) else [before]), str(value)]
    return headers
