"""Refuses source files of more than 300 lines and tests of more than 500; the list of exceptions may only shrink."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SOURCE_LIMIT = 300
TEST_LIMIT = 500
EXCEPTIONS: frozenset[str] = frozenset()


def main() -> int:
    """0 when every file keeps its limit and every exception is still needed."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.py"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    faults = []
    for name in listed.stdout.split():
        path = ROOT / name
        if not path.exists():
            continue
        lines = len(path.read_bytes().splitlines())
        limit = TEST_LIMIT if "/tests/" in f"/{name}" else SOURCE_LIMIT
        if lines > limit and name not in EXCEPTIONS:
            faults.append(f"{name}: {lines} lines, {limit} allowed; split it by reason to change")
        if lines <= limit and name in EXCEPTIONS:
            faults.append(f"{name}: {lines} lines, take it off the list of exceptions")
    for fault in faults:
        print(fault, file=sys.stderr)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
