"""How answers are written: tables for people, one JSON document for machines."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table
from waybill_common.clock import rfc3339

_PIPE_WIDTH = 160


@dataclass(frozen=True)
class Finding:
    """Something an operator should know: what it is about, in words, and what to do where there is something to do.

    `is_open` tells what still waits for somebody from what has passed.
    """

    about: str
    text: str
    is_open: bool
    do: str = ""


class Output:
    """Standard output; `as_json` holds everything back but the one document."""

    def __init__(self, *, as_json: bool = False) -> None:
        self.as_json = as_json
        self.console = Console(highlight=False)
        if not self.console.is_terminal:
            self.console = Console(highlight=False, width=_PIPE_WIDTH)

    def document(self, value: Mapping[str, Any]) -> None:
        """Write the answer for machines."""
        self.console.file.write(json.dumps(value, default=_plain, ensure_ascii=False, indent=2) + "\n")

    def line(self, text: str = "", style: str = "") -> None:
        """Write a line for people; the text is not read as markup."""
        self.console.print(text, style=style or None, markup=False, soft_wrap=True)

    def table(self, columns: Sequence[str], rows: Iterable[Sequence[Any]], title: str = "") -> None:
        """Write a table for people; the last column takes what room there is."""
        table = Table(title=title or None, title_justify="left", box=None, pad_edge=False, header_style="bold")
        for number, column in enumerate(columns):
            is_last = number == len(columns) - 1
            table.add_column(column, overflow="fold", no_wrap=not is_last, ratio=1 if is_last else None)
        for row in rows:
            table.add_row(*(escape(_text(value)) for value in row))
        self.console.print(table)

    def findings(self, found: Sequence[Finding]) -> None:
        """Write what is open first, then what has passed, each with what to do."""
        for finding in sorted(found, key=lambda one: not one.is_open):
            mark, style = ("✗", "bold red") if finding.is_open else ("·", "")
            self.line(f"{mark} {finding.about}: {finding.text}", style)
            if finding.do:
                self.line(f"    → {finding.do}")


def age(span: timedelta | float | None) -> str:
    """A span of time as a person says it: `0.02 s`, `42 s`, `7 min`, `3 h`, `2 d`; nothing for None."""
    if span is None:
        return ""
    seconds = span.total_seconds() if isinstance(span, timedelta) else float(span)
    if seconds < 10:
        return f"{seconds:.2f} s"
    if seconds < 120:
        return f"{seconds:.0f} s"
    if seconds < 7_200:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.0f} h" if seconds < 172_800 else f"{seconds / 86_400:.0f} d"


def clock_time(moment: datetime) -> str:
    """A moment to the millisecond, in UTC as everything here."""
    return moment.strftime("%H:%M:%S.") + f"{moment.microsecond // 1000:03d}"


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d %H:%M:%S")
    return str(value)


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return rfc3339(value)
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, memoryview | bytes):
        return bytes(value).decode(errors="replace")
    return str(value)
