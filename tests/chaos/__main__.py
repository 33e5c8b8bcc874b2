"""`make chaos FAULTS=n SEED=s`: run, print the report, end with 1 when a promise was broken."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from tests.chaos.planted import PLANTED, planted_settings
from tests.chaos.report import render
from tests.chaos.run import Options, run_chaos


def main() -> int:
    """Parse the arguments and run."""
    parser = argparse.ArgumentParser(prog="chaos", description=__doc__)
    parser.add_argument("--faults", type=int, default=12)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--planted", choices=sorted(PLANTED), help="run with a bug that the checker must find")
    parser.add_argument("--report", type=Path, help="append the report to this file")
    arguments = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix=f"waybill-chaos-{arguments.seed}-"))
    print(f"chaos: {arguments.faults} faults from seed {arguments.seed}; everything is kept in {folder}", flush=True)
    settings = planted_settings(arguments.planted) if arguments.planted else {}
    only = PLANTED.get(arguments.planted)
    run = run_chaos(Options(arguments.faults, arguments.seed, folder, settings, only))
    report = render(run)
    print(report)
    if arguments.report:
        with arguments.report.open("a", encoding="utf-8") as file:
            file.write(report + "\n")
    print("chaos failed" if run.findings else "chaos ok")
    return 1 if run.findings else 0


if __name__ == "__main__":
    sys.exit(main())
