"""Migrations add: what yesterday's code needs stays until a release of its own takes it away."""

import re
from pathlib import Path

import pytest

pytestmark = pytest.mark.unit

ROOT = Path(__file__).resolve().parents[2]
# The first revision makes a schema that nobody runs on yet.
REVISIONS = [
    path
    for folder in (*ROOT.glob("services/*/src/*/migrations/versions"), ROOT / "tests" / "cluster" / "next_version")
    for path in sorted(folder.glob("0*.py"))
    if not path.name.startswith("0001")
]
# A release that only takes away what the one before has stopped using says so in its first word.
CONTRACT = '"""Contract: '
REFUSED = {
    "takes something away": r"\bDROP\s+(TABLE|COLUMN|FUNCTION|TYPE|VIEW|SCHEMA)\b|\bTRUNCATE\b",
    "renames something": r"\bRENAME\b",
    "changes a type": r"\bALTER\s+(COLUMN\s+)?\w+\s+(SET\s+DATA\s+)?TYPE\b",
    "refuses what yesterday's code still writes": (
        r"\bSET\s+NOT\s+NULL\b|\bADD\s+(COLUMN\s+)?(?![^,;]*\bDEFAULT\b)[^,;]*\bNOT\s+NULL\b"
    ),
    "checks every row under a lock": r"\bADD\s+CONSTRAINT\b(?![^;]*\bNOT\s+VALID\b)",
    "stops every writer while it builds": r"\bCREATE\s+(UNIQUE\s+)?INDEX\b(?!\s+CONCURRENTLY\b)",
}


def faults(text):
    """What a migration must not do beside running code; a contract may take away, and nothing else."""
    found = [name for name, pattern in REFUSED.items() if re.search(pattern, text, re.IGNORECASE)]
    return found if not text.startswith(CONTRACT) else [name for name in found if name != "takes something away"]


@pytest.mark.parametrize("path", REVISIONS, ids=lambda path: path.name)
def test_a_migration_only_adds(path):
    beside = path.parent.parent / "sql"
    texts = [path, *(beside.glob(f"{path.name[:4]}_*.sql") if beside.exists() else ())]
    assert [fault for text in texts for fault in faults(text.read_text(encoding="utf-8"))] == []


@pytest.mark.parametrize(
    ("statement", "fault"),
    [
        ("ALTER TABLE orders DROP COLUMN note", "takes something away"),
        ("ALTER TABLE orders RENAME COLUMN note TO remark", "renames something"),
        ("ALTER TABLE orders ALTER COLUMN total TYPE int", "changes a type"),
        ("ALTER TABLE orders ALTER note SET NOT NULL", "refuses what yesterday's code still writes"),
        ("ALTER TABLE orders ADD COLUMN gift text NOT NULL", "refuses what yesterday's code still writes"),
        ("ALTER TABLE orders ADD CONSTRAINT paid CHECK (total > 0)", "checks every row under a lock"),
        ("CREATE INDEX ON orders (customer_id)", "stops every writer while it builds"),
    ],
)
def test_what_breaks_running_code_is_refused(statement, fault):
    assert faults(f'op.execute("{statement}")') == [fault]


@pytest.mark.parametrize(
    "statement",
    [
        "ALTER TABLE orders ADD COLUMN gift text",
        "ALTER TABLE orders ADD COLUMN gift bool NOT NULL DEFAULT false",
        "ALTER TABLE orders ADD CONSTRAINT paid CHECK (total > 0) NOT VALID",
        "CREATE INDEX CONCURRENTLY ON orders (customer_id)",
        "CREATE TABLE gifts (id text NOT NULL PRIMARY KEY)",
    ],
)
def test_what_only_adds_is_let_through(statement):
    assert faults(f'op.execute("{statement}")') == []


def test_a_contract_may_take_away_what_nobody_uses_any_more():
    assert faults(f'{CONTRACT}drop the note."""\nop.execute("ALTER TABLE orders DROP COLUMN note")') == []
    assert faults(f'{CONTRACT}rename."""\nop.execute("ALTER TABLE orders RENAME note TO remark")') != []
