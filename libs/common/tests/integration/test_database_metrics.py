"""What the database metrics say of Core, of a raw cursor, of transactions and of the pool, on a real server."""

import threading

import psycopg2
import pytest
import sqlalchemy as sa
from prometheus_client import CollectorRegistry
from waybill_common.database import DatabaseMetrics, EngineOptions, connect_raw, make_engine
from waybill_testkit.waiting import eventually

pytestmark = pytest.mark.integration

STATEMENTS = "db_client_operation_duration_seconds_count"


@pytest.fixture
def registry():
    return CollectorRegistry()


@pytest.fixture
def engine(fresh_database, registry):
    options = EngineOptions(application_name="shelf", pool_size=2, pool_timeout_seconds=0.05)
    engine = make_engine(fresh_database(), options, DatabaseMetrics(registry))
    yield engine
    engine.dispose()


@pytest.fixture
def count(registry):
    """`count("SELECT")` is the number of statements that began so, since the last time it was asked."""
    seen = {}

    def ask(word):
        labels = {"db_system_name": "postgresql", "db_operation_name": word}
        now = registry.get_sample_value(STATEMENTS, labels)
        before, seen[word] = seen.get(word, 0), now
        return now - before

    return ask


@pytest.fixture
def pool(registry):
    """Return (used, idle) of the pool."""

    def ask():
        labels = [{"pool_name": "shelf", "state": state} for state in ("used", "idle")]
        return tuple(registry.get_sample_value("db_client_connection_count", label) for label in labels)

    return ask


def of_pool(registry, name):
    return registry.get_sample_value(name, {"pool_name": "shelf"})


def test_every_statement_is_measured_by_its_first_word(engine, count):
    with engine.connect() as connection:  # SQLAlchemy asks for the version when it first connects
        connection.rollback()
    for word in ("SELECT", "COMMIT", "ROLLBACK", "_OTHER"):
        count(word)
    with engine.begin() as connection:
        connection.execute(sa.text("CREATE TABLE thing (name text)"))
        connection.execute(sa.text("INSERT INTO thing VALUES (:name)"), [{"name": "a"}, {"name": "b"}])
        connection.execute(sa.text("  with x AS (SELECT 1) SELECT * FROM x"))
    assert [count(word) for word in ("_OTHER", "INSERT", "WITH", "COMMIT", "ROLLBACK")] == [1, 1, 1, 1, 0]
    with engine.connect() as connection:
        connection.execute(sa.text("SELECT 1"))
    assert [count(word) for word in ("SELECT", "COMMIT", "ROLLBACK")] == [1, 0, 1]


def test_a_raw_cursor_in_autocommit_is_measured_too_and_what_was_not_open_is_not_ended(engine, count):
    pooled = engine.raw_connection()
    pooled.driver_connection.autocommit = True
    for word in ("SELECT", "COMMIT", "ROLLBACK"):
        count(word)
    with pooled.driver_connection.cursor() as cursor:
        cursor.execute("SELECT 1")
        with pytest.raises(psycopg2.Error):
            cursor.execute("SELECT 1 / 0")
        with pytest.raises(psycopg2.ProgrammingError):
            cursor.execute("")
    pooled.close()
    assert [count(word) for word in ("SELECT", "COMMIT", "ROLLBACK")] == [2, 0, 0]


def test_a_connection_outside_of_any_pool_is_measured(fresh_database, registry, count):
    raw = connect_raw(fresh_database(), EngineOptions(application_name="x"), metrics=DatabaseMetrics(registry))
    with raw.cursor() as cursor:
        cursor.execute("SELECT 1")
    raw.close()
    assert count("SELECT") == 1


def test_the_pool_shows_what_is_used_and_idle_and_how_large_it_may_become(engine, registry, pool):
    assert of_pool(registry, "db_client_connection_max") == 2
    eventually(lambda: pool() == (0, 0))
    with engine.connect(), engine.connect():
        eventually(lambda: pool() == (2, 0))
    eventually(lambda: pool() == (0, 2))
    assert of_pool(registry, "db_client_connection_wait_time_seconds_count") == 2


def test_a_wait_in_vain_is_counted(engine, registry):
    with engine.connect(), engine.connect(), pytest.raises(sa.exc.TimeoutError):
        engine.connect()
    assert of_pool(registry, "db_client_connection_timeouts_total") == 1


def test_a_pool_that_takes_over_shows_itself_alone(engine, pool):
    with engine.connect(), engine.connect():
        engine.dispose(close=False)  # as the direct session does when a connection is lost
        eventually(lambda: pool() == (0, 0))
        with engine.connect():
            eventually(lambda: pool() == (1, 0))
    eventually(lambda: pool() == (0, 1))  # the old pool got two back and has no say


def test_a_connection_that_the_server_ends_leaves_no_count_behind(engine, pool):
    with engine.connect() as victim, engine.connect() as killer:
        pid = victim.execute(sa.text("SELECT pg_backend_pid()")).scalar_one()
        killer.execute(sa.text(f"SELECT pg_terminate_backend({pid}, 5000)"))
        with pytest.raises(sa.exc.DBAPIError):
            victim.execute(sa.text("SELECT 1"))
    eventually(lambda: pool() == (0, 2))  # a place in the pool, connected again when it is taken
    with engine.connect():
        eventually(lambda: pool() == (1, 1))


def test_many_threads_end_with_nothing_in_use(engine, pool):
    def work():
        for _ in range(50):
            try:
                with engine.connect() as connection:
                    connection.execute(sa.text("SELECT 1"))
            except sa.exc.TimeoutError:
                continue

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    eventually(lambda: pool()[0] == 0 and pool()[1] <= 2)
