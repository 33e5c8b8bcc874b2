"""A fresh database per test, copied from a template that is built once per run."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from itertools import count

from psycopg2 import sql

from waybill_testkit.postgres import PostgresServer
from waybill_testkit.shared import Record, RunFolder


class Databases:
    """Makes databases for one test and drops them after it."""

    _numbers = count(1)  # process-wide, so that names stay apart between the tests of one worker

    def __init__(self, server: PostgresServer, run: RunFolder) -> None:
        self._server = server
        self._run = run
        self._made: list[str] = []

    def fresh(self, template_key: str = "empty", build: Callable[[str], None] | None = None) -> str:
        """The url of a new database with what `build(url)` makes; `build` runs once per run and `template_key`."""
        template = self._template(template_key, build) if build else None
        name = f"test_{os.getpid()}_{next(self._numbers)}"
        self._made.append(name)
        return self._server.create_database(name, template)

    def drop(self) -> None:
        """Drop everything `fresh` made, cutting connections that a failed test left."""
        while self._made:
            self._server.drop_database(self._made.pop())

    def _template(self, key: str, build: Callable[[str], None]) -> str:
        name = f"template_{hashlib.sha256(key.encode()).hexdigest()[:16]}"

        def make() -> Record:
            self._server.drop_database(name)  # an earlier build may have failed half-way
            build(self._server.create_database(name))
            # A template can only be copied while nobody is connected: close the door, then empty the room.
            self._server.execute(sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS false").format(sql.Identifier(name)))
            others = "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname = {}"
            self._server.execute(sql.SQL(others).format(sql.Literal(name)))
            return {"name": name}

        return str(self._run.once(name, make)["name"])
