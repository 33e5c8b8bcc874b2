"""The rows of a run: a value beside its floor, the ratio, the target; printed, and kept in bench/results.json."""

from __future__ import annotations

import json
import statistics
from dataclasses import asdict, dataclass
from pathlib import Path

RESULTS = Path(__file__).parent / "results.json"
PAGE = Path(__file__).parent.parent / "docs" / "performance.md"
_BEGIN, _END = "<!-- results: written by make bench -->\n", "<!-- end of results -->"


@dataclass(frozen=True)
class Row:
    """One figure: medians of `runs` rounds; `target` says which way is good, as in ">= 0.60"."""

    name: str
    value: float
    floor: float | None
    ratio: float | None
    target: str
    unit: str
    runs: int


def paired(name: str, pairs: list[tuple[float, float]], target: str, unit: str) -> Row:
    """Return the row of (value, floor) pairs measured in turn: the ratio is the median of the pairs' ratios."""
    values, floors = zip(*pairs, strict=True)
    ratio = statistics.median(value / floor for value, floor in pairs)
    return Row(
        name,
        _round(statistics.median(values)),
        _round(statistics.median(floors)),
        _round(ratio),
        target,
        unit,
        len(pairs),
    )


def plain(name: str, value: float, target: str, unit: str, runs: int = 1) -> Row:
    """Return the row of a figure without a floor."""
    return Row(name, _round(value), None, None, target, unit, runs)


def keep(rows: list[Row]) -> None:
    """Put the rows into bench/results.json and docs/performance.md; rows of other names that stand there stay."""
    kept = {row["name"]: row for row in json.loads(RESULTS.read_text())} if RESULTS.exists() else {}
    kept |= {row.name: asdict(row) for row in rows}
    RESULTS.write_text(json.dumps(list(kept.values()), indent=2) + "\n", encoding="utf-8")
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(_BEGIN)
    written = table([Row(**row) for row in kept.values()])
    PAGE.write_text(f"{before}{_BEGIN}\n{written}\n\n{_END}{rest.partition(_END)[2]}", encoding="utf-8")


def table(rows: list[Row]) -> str:
    """Return the rows as a Markdown table."""
    lines = ["| Row | Value | Floor | Ratio | Target |", "| --- | --- | --- | --- | --- |"]
    for row in rows:
        floor = "–" if row.floor is None else f"{row.floor:g}"
        ratio = "–" if row.ratio is None else f"{row.ratio:.2f}"
        lines.append(f"| {row.name} | {row.value:g} {row.unit} | {floor} | {ratio} | {row.target} |")
    return "\n".join(lines)


def _round(value: float) -> float:
    return float(f"{value:.4g}")
