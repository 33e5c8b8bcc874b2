"""The services' databases, read only, for what no route tells."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import psycopg2
from psycopg2.extensions import connection as Connection  # noqa: N812  a class with a lower-case name
from psycopg2.extras import RealDictCursor

from waybill_cli.config import Target
from waybill_cli.failures import UnreachableError


class Databases:
    """One connection to each database that is asked, opened at the first question, in read-only transactions."""

    def __init__(self, target: Target) -> None:
        self._urls = target.databases
        self._connections: dict[str, Connection] = {}

    def read(self, service: str, sql: str, values: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
        """Rows as dicts; raises UnreachableError when the database is not named, away, or without these tables."""
        try:
            with self._connection(service).cursor(cursor_factory=RealDictCursor) as cursor:
                cursor.execute(sql, values)
                return [dict(row) for row in cursor.fetchall()]
        except psycopg2.Error as error:
            raise UnreachableError(f"the database of {service}: {str(error).strip()}") from error

    def close(self) -> None:
        """Close what was opened."""
        for connection in self._connections.values():
            connection.close()

    def _connection(self, service: str) -> Connection:
        from waybill_common.database import EngineOptions, connect_raw

        if service not in self._urls:
            raise UnreachableError(
                f"the database of {service} is not named: set WAYBILL_{service.upper()}_DATABASE_URL"
            )
        if service not in self._connections:
            options = EngineOptions(application_name="waybill-cli", statement_timeout_ms=30_000)
            connection = connect_raw(self._urls[service], options)
            connection.set_session(readonly=True, autocommit=True)
            self._connections[service] = connection
        return self._connections[service]
