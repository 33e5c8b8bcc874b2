"""The common library stays small: named shelves, no noun of the trade, no I/O at import, two users each."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import grimp
import pytest

ROOT = Path(__file__).resolve().parents[2]
COMMON = ROOT / "libs/common/src/waybill_common"
SHELVES = sorted(path.name for path in COMMON.iterdir() if path.is_dir() and path.name != "__pycache__")
NOUNS = {
    *("account", "address", "basket", "cart", "catalog", "charge", "currency", "customer", "delivery", "fulfillment"),
    *("invoice", "mail", "order", "payment", "price", "product", "refund", "reservation", "shipment", "sku", "stock"),
    *("template", "user", "voucher"),
}
# Words that these nouns mean something else in: AMQP delivers, SQL orders.
ELSEWHERE = {"delivery", "deliveries", "order", "ordering"}


def words(name: str) -> set[str]:
    parts = [part.lower() for part in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", name)]
    return {part.removesuffix("s") if part.removesuffix("s") in NOUNS else part for part in parts}


def identifiers(path: Path) -> set[str]:
    names: set[str] = {path.stem}
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ClassDef | ast.FunctionDef):
            names.add(node.name)
        elif isinstance(node, ast.arg):
            names.add(node.arg)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
    return names


def test_common_knows_no_noun_of_the_trade():
    found = {
        f"{path.relative_to(COMMON)}: {name}"
        for path in COMMON.rglob("*.py")
        for name in identifiers(path)
        if words(name) & (NOUNS - ELSEWHERE)
    }
    assert found == set()


def test_the_noun_test_can_fail():
    assert words("place_orders") & NOUNS == {"order"}
    assert words("CustomerId") & NOUNS == {"customer"}


def test_no_shelf_is_named_for_nothing():
    assert not set(SHELVES) & {"utils", "util", "helpers", "misc", "core", "base", "lib"}


@pytest.fixture(scope="module")
def graph() -> grimp.ImportGraph:
    return grimp.build_graph("waybill_common", "waybill_auth", "waybill_orders", "waybill_notifier", cache_dir=None)


@pytest.mark.parametrize("shelf", SHELVES)
def test_a_shelf_serves_two_services(graph, shelf):
    users = [
        service
        for service in ("waybill_auth", "waybill_orders", "waybill_notifier")
        if graph.chain_exists(importer=service, imported=f"waybill_common.{shelf}", as_packages=True)
    ]
    assert len(users) >= 2, f"{shelf} serves {users}; it belongs into the service that uses it"


def test_importing_the_library_opens_nothing_and_reads_no_environment():
    program = """
import importlib, os, pkgutil, socket
import waybill_common
def refuse(*_, **__):
    raise AssertionError("a module acts at import")
# Third-party packages may look at the environment; what is ours is imported after them, with everything closed.
THIRD = '''alembic.command click flask gunicorn.app.base orjson pika prometheus_client psycopg2 requests
sqlalchemy.dialects.postgresql structlog jwt cryptography.fernet'''
for third in THIRD.split():
    importlib.import_module(third)
names = [module.name for module in pkgutil.walk_packages(waybill_common.__path__, "waybill_common.")]
socket.socket.connect = refuse
socket.socket.bind = refuse
import threading
threading.Thread.start = refuse
before = dict(os.environ)
for name in names:
    importlib.import_module(name)
assert dict(os.environ) == before
print(len(names))
"""
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    assert int(run.stdout) > 50
