"""Appending events: log and pointer in one statement of the effect's transaction, and what the database refuses."""

from __future__ import annotations

import orjson
import pytest
import sqlalchemy as sa
from waybill_common.messaging import EventTooLargeError, NewEvent, append_events, event_context, event_record
from waybill_common.messaging.schema import EVENTS_V1, INBOX_V1, MAX_DATA_BYTES
from waybill_common.telemetry import use_context

from .support import TYPE

pytestmark = pytest.mark.integration
UNBOUND = "auth.key.rotated"


def _json(value: object) -> str:
    return orjson.dumps(value).decode()


def rows(engine: sa.Engine, statement: str) -> list[tuple[object, ...]]:
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(sa.text(statement))]


def test_many_events_are_one_statement_in_their_order_with_pointers_for_bound_types(engine: sa.Engine) -> None:
    statements: list[str] = []
    sa.event.listen(engine, "before_cursor_execute", lambda *given: statements.append(given[2]))
    events = [NewEvent(TYPE if n % 2 else UNBOUND, f"usr_{n}", {"n": n}, sequence=1, actor="usr_9") for n in range(50)]
    with use_context(request_id="req-1"), engine.begin() as connection:
        append_events(connection, events)
        append_events(connection, [])
    assert len(statements) == 1
    logged = rows(engine, "SELECT subject, actor, correlation_id, data ->> 'n' FROM event_log ORDER BY position")
    assert logged == [(f"usr_{n}", "usr_9", "req-1", str(n)) for n in range(50)]
    pointed = rows(engine, "SELECT DISTINCT type FROM outbox JOIN event_log USING (position)")
    assert (pointed, rows(engine, "SELECT count(*) FROM outbox")) == ([(TYPE,)], [(25,)])


def test_a_service_without_a_relay_writes_no_pointer(engine: sa.Engine) -> None:
    with engine.begin() as connection:
        append_events(connection, [NewEvent(TYPE, "usr_1", {})], publishes=False)
    assert rows(engine, "SELECT (SELECT count(*) FROM event_log), (SELECT count(*) FROM outbox)") == [(1, 0)]


def test_data_of_the_limit_is_taken_and_one_byte_more_is_refused(engine: sa.Engine) -> None:
    fitting = "x" * (MAX_DATA_BYTES - len('{"a": ""}'))
    with engine.begin() as connection:
        append_events(connection, [NewEvent(TYPE, "usr_1", {"a": fitting})])
    with engine.connect() as connection, pytest.raises(EventTooLargeError, match="carry ids"):
        append_events(connection, [NewEvent(TYPE, "usr_2", {"a": fitting + "x"})])
    assert rows(engine, "SELECT count(*) FROM event_log") == [(1,)]


def test_a_sequence_is_taken_once_per_subject_and_may_be_absent(engine: sa.Engine) -> None:
    with engine.begin() as connection:
        append_events(connection, [NewEvent(TYPE, "usr_1", {}), NewEvent(TYPE, "usr_1", {})])
        append_events(connection, [NewEvent(TYPE, "usr_1", {}, sequence=1), NewEvent(TYPE, "usr_2", {}, sequence=1)])
    with engine.connect() as connection, pytest.raises(sa.exc.IntegrityError):
        append_events(connection, [NewEvent(TYPE, "usr_1", {}, sequence=1)])


def test_a_pl_pgsql_function_of_a_service_can_append_with_the_same_record(engine: sa.Engine) -> None:
    with engine.begin() as connection:
        connection.exec_driver_sql(
            """CREATE FUNCTION act(event jsonb, context jsonb) RETURNS void LANGUAGE plpgsql AS $$ BEGIN
                   PERFORM append_event((event ->> 'id')::uuid, event ->> 'type', event ->> 'subject',
                       (event ->> 'sequence')::integer, event ->> 'actor', event -> 'data' || '{"priced": true}',
                       context, (event ->> 'publish')::boolean);
               END $$"""
        )
    event = NewEvent(TYPE, "usr_1", {"a": 1}, sequence=3)
    with use_context(request_id="req-7"), engine.begin() as connection:
        values = {
            "event": orjson.dumps(event_record(event)).decode(),
            "context": orjson.dumps(event_context()).decode(),
        }
        connection.execute(sa.text("SELECT act(CAST(:event AS jsonb), CAST(:context AS jsonb))"), values)
    found = rows(engine, "SELECT event_id::text, data, correlation_id FROM event_log JOIN outbox USING (position)")
    assert found == [(event.id, {"a": 1, "priced": True}, "req-7")]


@pytest.mark.parametrize("how", ["text", "driver", "driver with parameters"])
def test_the_schema_can_be_run_by_any_migration(fresh_database: object, how: str) -> None:
    """`%` or `:name` in the constants would be taken for parameters by one of these."""
    from waybill_common.database import EngineOptions, make_engine

    fresh = make_engine(fresh_database(), EngineOptions(application_name="test"))  # type: ignore[operator]
    with fresh.begin() as connection:
        for statements in (EVENTS_V1, INBOX_V1):
            if how == "text":
                connection.execute(sa.text(statements))
            elif how == "driver":
                connection.exec_driver_sql(statements)
            else:
                connection.exec_driver_sql(statements, {"unused": 1})
    fresh.dispose()
