"""Writes the table of values in each chart's README.md, or with --check says whether it is up to date."""

import json
import sys
from typing import Any

from tools.charts.values import CHARTS, Value, described_values

MARK = "<!-- Below: written by `make charts-docs` from values.yaml. -->\n"
HEAD = "\n## Values\n\n| Value | Default | |\n| --- | --- | --- |\n"


def main(arguments: list[str]) -> int:
    """0 when the files were written or are up to date, 1 when one is not."""
    for target in sorted(CHARTS.glob("*/README.md")):
        old = target.read_text(encoding="utf-8")
        above, mark, _ = old.partition(MARK)
        if not mark:
            continue
        text = above + MARK + HEAD + "".join(map(_row, described_values(target.parent.name)))
        if "--check" not in arguments:
            target.write_text(text, encoding="utf-8")
        elif text != old:
            print(
                f"error: {target.relative_to(CHARTS.parent)} is not up to date; run make charts-docs", file=sys.stderr
            )
            return 1
    return 0


def _row(value: Value) -> str:
    cells = (f"`{'.'.join(value.path)}`", f"`{_default(value.default)}`", value.description)
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |\n"


def _default(default: Any) -> str:
    return default if isinstance(default, str) and default else json.dumps(default, ensure_ascii=False)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
