"""The report of a run: what was done to the platform, what clients saw, what the checker found."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from tests.chaos.checker import ambiguous_deliveries, held_deliveries
from tests.chaos.facts import Facts
from tests.chaos.history import History
from tests.chaos.injector import Done


@dataclass(frozen=True)
class Run:
    """Everything that a report is made of; times in seconds."""

    seed: int
    done: list[Done]
    history: History
    facts: Facts
    findings: list[str]
    load_seconds: float
    rest_seconds: float


def render(run: Run) -> str:
    """Return the report as Markdown."""
    return "\n".join([*_head(run), "", *_faults(run), "", *_clients(run), "", *_window(run), "", *_findings(run), ""])


def _head(run: Run) -> list[str]:
    return [
        f"## Seed {run.seed}: {len(run.done)} faults, {len(run.findings)} findings",
        "",
        f"Load ran {run.load_seconds:.0f} s; the platform came to rest {run.rest_seconds:.0f} s after it ended. "
        f"{len(run.facts['orders'])} orders, {len(run.facts['orders_events'])} events of orders, "
        f"{len(run.facts['deliveries'])} deliveries, {len(run.facts.mails)} mails.",
    ]


def _faults(run: Run) -> list[str]:
    counts: Counter[tuple[str, str]] = Counter()
    for done in run.done:
        where = f"{done.fault.service} {done.fault.target}".strip()
        hit = done.outcome not in {"nobody came by", "none is running"}
        counts[f"{done.fault.action} {where}", "hit" if hit else "missed"] += 1
    names = sorted({name for name, _ in counts})
    rows = [f"| {name} | {counts[name, 'hit']} | {counts[name, 'missed']} |" for name in names]
    return ["| Fault | done | no victim |", "| --- | --- | --- |", *rows]


def _clients(run: Run) -> list[str]:
    kinds: dict[str, Counter[str]] = {}
    for record in run.history.all():
        row = kinds.setdefault(record.command.kind, Counter())
        row["commands"] += 1
        row["tries"] += record.tries
        row["acknowledged" if record.status in {200, 201, 202} else "refused" if record.status else "no answer"] += 1
    names = ("commands", "tries", "acknowledged", "refused", "no answer")
    rows = [f"| {kind} | {' | '.join(str(row[name]) for name in names)} |" for kind, row in sorted(kinds.items())]
    return [f"| Command | {' | '.join(names)} |", "| --- | --- | --- | --- | --- | --- |", *rows]


def _window(run: Run) -> list[str]:
    ambiguous = ambiguous_deliveries(run.facts)
    copies = Counter(str(mail["headers"].get("X-Waybill-Delivery")) for mail in run.facts.mails)
    twice = sum(1 for delivery in ambiguous if copies[delivery] > 1)
    return [
        f"The `data_sent` window: {len(ambiguous)} deliveries broke off between `data_sent` and the server's answer; "
        f"{twice} of them arrived twice, with one Message-ID, and {len(held_deliveries(run.facts))} broke off a second "
        "time and are held for a person. No other mail arrived twice or not at all, "
        "unless it is listed below."
    ]


def _findings(run: Run) -> list[str]:
    if not run.findings:
        return ["The checker found nothing: every acknowledged command exactly once."]
    return ["The checker found:", "", *(f"- {finding}" for finding in run.findings[:200])]
