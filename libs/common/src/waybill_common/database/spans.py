"""The span of a statement, by OpenTelemetry's database conventions: what it does to what, never with which values."""

import re
from functools import lru_cache
from typing import Any

import psycopg2

from waybill_common.telemetry import NewSpan, record_span

_WORD = re.compile(r"\s*([A-Za-z]+)")
# The first table that is named, else the first function: enough to tell the statements of a request apart.
_TARGET = re.compile(r"\b(?:FROM|INTO|UPDATE)\s+(?:ONLY\s+)?([a-z_][a-z0-9_.]*)(?![a-z0-9_.(])", re.IGNORECASE)
_FUNCTION = re.compile(r"\b([a-z_][a-z0-9_.]*)\(", re.IGNORECASE)


def failure_code(error: psycopg2.Error) -> str:
    """Return the SQLSTATE, the type where the server said none; the text repeats values."""
    return error.pgcode or type(error).__name__


def record_statement(connection: Any, statement: object, seconds: float, failed: str) -> None:
    """Record a statement that has just ended, below the span in hand; `failed` is empty when it did not fail."""
    operation, summary = _summary(statement) if isinstance(statement, str) else ("_OTHER", "_OTHER")
    at = connection.info
    attributes: dict[str, str | int] = {
        "db.system.name": "postgresql",
        "db.namespace": at.dbname,
        "db.operation.name": operation,
        "db.query.summary": summary,
        "server.address": at.host,
        "server.port": at.port,
    }
    if failed:
        attributes["db.response.status_code"] = failed
    record_span(NewSpan(summary, "client", attributes), seconds, failed)


@lru_cache(maxsize=512)
def _summary(statement: str) -> tuple[str, str]:
    """Return the first word, and that word with the first thing it is about; identifiers only, so no values."""
    first = _WORD.match(statement)
    operation = first[1].upper() if first is not None else "_OTHER"
    target = _TARGET.search(statement) or _FUNCTION.search(statement)
    return operation, operation if target is None else f"{operation} {target[1]}"
