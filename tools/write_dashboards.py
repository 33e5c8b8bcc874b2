"""Writes charts/platform/files/dashboards/*.json from the descriptions in tools/dashboards."""

import argparse
import json
import sys
from pathlib import Path

from tools.dashboards.http_service import HTTP_SERVICE
from tools.dashboards.messaging import MESSAGING
from tools.dashboards.overview import OVERVIEW

FOLDER = Path(__file__).resolve().parents[1] / "charts/platform/files/dashboards"
DASHBOARDS = {"overview.json": OVERVIEW, "http-service.json": HTTP_SERVICE, "messaging.json": MESSAGING}


def files() -> dict[Path, str]:
    """Return every file as it is to be."""
    return {
        FOLDER / name: json.dumps(dashboard.as_json(), indent=2, ensure_ascii=False) + "\n"
        for name, dashboard in DASHBOARDS.items()
    }


def main() -> int:
    """Write the files; with --check say whether they are what would be written."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing, fail when one differs")
    if not parser.parse_args().check:
        for path, text in files().items():
            path.write_text(text, encoding="utf-8")
        return 0
    stale = [path.name for path, text in files().items() if not path.exists() or path.read_text("utf-8") != text]
    if not stale:
        return 0
    print(f"error: not what tools/write_dashboards.py writes: {', '.join(stale)}; run `make rules`", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
