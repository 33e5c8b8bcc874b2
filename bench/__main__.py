"""`make bench`: run the rows (all, or those named), print them beside their floors, keep them in bench/results.json."""

from __future__ import annotations

import argparse
import importlib
import sys

from bench.results import Row, keep, table

ROWS = ("place", "tracing", "read", "relay", "consume", "mail", "sign_in", "memory")


def main() -> int:
    """Parse the arguments and measure."""
    parser = argparse.ArgumentParser(prog="bench", description=__doc__)
    parser.add_argument("rows", nargs="*", metavar="ROW", help=f"of {', '.join(ROWS)}; default all")
    parser.add_argument("--rounds", type=int, default=5, help="pairs of value and floor")
    parser.add_argument("--seconds", type=float, default=6.0, help="length of one measurement")
    arguments = parser.parse_args()
    unknown = set(arguments.rows) - set(ROWS)
    if unknown:
        parser.error(f"no such row: {', '.join(sorted(unknown))}")
    rows: list[Row] = []
    for name in arguments.rows or ROWS:
        print(f"{name} …", flush=True)
        measured = importlib.import_module(f"bench.{name}").run(arguments.rounds, arguments.seconds)
        print(table(measured), flush=True)
        rows += measured
        keep(measured)
    print(table(rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())
