"""Connections of the embedded broker, and its errors in the words of the broker port."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import psycopg2
from psycopg2.extensions import connection as Connection  # noqa: N812  a class with a lower-case name

from waybill_common.database import EngineOptions, connect_raw
from waybill_common.messaging.broker import BrokerUnavailableError
from waybill_common.messaging.embedded_schema import DECLARE_LOCK, SCHEMA, SCHEMA_EXISTS


@contextlib.contextmanager
def unavailable(doing: str) -> Iterator[None]:
    """Turn the driver's errors into BrokerUnavailableError."""
    try:
        yield
    except psycopg2.Error as error:
        raise BrokerUnavailableError(f"{doing}: {str(error).strip()}") from error


def open_session(url: str, purpose: str) -> Connection:
    """An autocommit connection to a database that has the broker's tables; raises BrokerUnavailableError."""
    with unavailable("cannot open the embedded broker's database"):
        session = connect_raw(url, EngineOptions(application_name=f"waybill-broker-{purpose}"))
        with session.cursor() as cursor:
            cursor.execute(SCHEMA_EXISTS)
            (exists,) = cursor.fetchone() or (False,)
        if not exists:
            with session, session.cursor() as cursor:  # one transaction; concurrent first starts wait for each other
                cursor.execute("SELECT pg_advisory_xact_lock(%s)", (DECLARE_LOCK,))
                cursor.execute(SCHEMA)
        return session


def keep_alive(session: Connection) -> None:
    """Take in what the server sent, without waiting; raises BrokerUnavailableError when it has gone."""
    with unavailable("connection to the embedded broker lost"):
        session.poll()
    if session.closed:
        raise BrokerUnavailableError("the connection to the embedded broker is closed")


def close_session(session: Connection) -> None:
    """Close; a connection that is gone already is fine."""
    with contextlib.suppress(psycopg2.Error):
        session.close()
