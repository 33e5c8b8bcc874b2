"""Writes down what happens in the demo and shows it at the terminal while it happens."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.panel import Panel
from rich.rule import Rule
from rich.text import Text
from waybill_common.clock import parse_rfc3339, rfc3339, utc_now

_ID = re.compile(r"\b([a-z]{3})_[0-9a-f]{26}([0-9a-f]{6})\b")  # long ids say nothing in a line; the facts have them


class Teller:
    """Keeps the facts of one run, in order, and prints each as one line."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(highlight=False)
        self.started_at = utc_now()
        self.timeline: list[dict[str, Any]] = []
        self.mails: list[dict[str, Any]] = []

    def scene(self, title: str) -> None:
        """A new part of the story."""
        self.timeline.append({"kind": "scene", "at": rfc3339(utc_now()), "title": title})
        self._console.print()
        self._console.print(Rule(f"[bold]{title}", align="left", characters="─"))

    def call(self, who: str, request: str, status: int, result: str) -> None:
        """A request that was made, and what came of it."""
        now = utc_now()
        self.timeline.append(
            {"kind": "call", "at": rfc3339(now), "who": who, "request": request, "status": status, "result": result}
        )
        color = "green" if status < 300 else "yellow"
        short = _ID.sub(r"\1_…\2", request)
        self._line(now, "→", who, f"{short}  [{color}]{status}[/]  [dim]{escape(result)}[/]")

    def event(self, event: Mapping[str, Any], order: str) -> None:
        """An event of an order's timeline."""
        at = str(event["occurred_at"])
        fact = {"kind": "event", "at": at, "type": event["type"], "sequence": event["sequence"], "order": order}
        self.timeline.append(fact)
        self._line(
            parse_rfc3339(at), "◆", "event", f"[cyan]{event['type']}[/]  [dim]#{event['sequence']} of {order}[/]"
        )

    def mail(self, message: dict[str, Any]) -> None:
        """A mail that arrived."""
        self.mails.append(message)
        names = ("id", "to", "subject", "message_id")
        at = str(message["received_at"])
        self.timeline.append({"kind": "mail", "at": at, **{name: message[name] for name in names}})
        self._line(
            parse_rfc3339(at), "✉", "mail", f"[magenta]{escape(message['subject'])}[/]  [dim]to {message['to']}[/]"
        )

    def show(self, message: Mapping[str, Any]) -> None:
        """One mail, as its reader sees it."""
        heading = f"[bold]{message['subject']}[/]  ·  to {message['to']}"
        self._console.print()
        self._console.print(
            Panel(Text(str(message["text"]).strip()), title=heading, title_align="left", padding=(1, 2))
        )

    def say(self, text: str) -> None:
        """A sentence to the person."""
        self._console.print(escape(text), soft_wrap=True)

    def keep(self, path: Path, outcome: Mapping[str, Any]) -> None:
        """Leave the same facts as JSON, whole or not at all, for this user alone."""
        facts = {
            **outcome,
            "started_at": rfc3339(self.started_at),
            "seconds": round((utc_now() - self.started_at).total_seconds(), 2),
            "timeline": self.timeline,
            "mails": [{key: mail[key] for key in ("id", "to", "subject", "message_id", "text")} for mail in self.mails],
        }
        beside = path.with_suffix(".new")
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(facts, file, indent=2, ensure_ascii=False)
            file.write("\n")
        beside.replace(path)

    def keep_mails(self, folder: Path) -> None:
        """Leave the mails as pages that a browser shows."""
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for old in folder.glob("*.html"):
            old.unlink()
        for number, mail in enumerate(self.mails, start=1):
            (folder / f"{number:02}.html").write_text(mail["html"] or f"<pre>{mail['text']}</pre>", encoding="utf-8")

    def _line(self, at: datetime, sign: str, who: str, text: str) -> None:
        clock = at.astimezone().strftime("%H:%M:%S.%f")[:-3]
        self._console.print(f"[dim]{clock}[/]  {sign} {who:<8} {text}", soft_wrap=True)
