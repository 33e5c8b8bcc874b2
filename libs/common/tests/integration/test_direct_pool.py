"""The pool of raw connections: its limit, what it shows, and connections that are gone."""

import psycopg2
import pytest
import sqlalchemy as sa
from prometheus_client import CollectorRegistry
from waybill_common.database import DatabaseMetrics, DirectPool, EngineOptions
from waybill_testkit.waiting import eventually

pytestmark = pytest.mark.integration

OPTIONS = EngineOptions(application_name="counter", pool_size=2, pool_timeout_seconds=0.05)


@pytest.fixture
def registry():
    return CollectorRegistry()


@pytest.fixture
def pool(fresh_database, registry):
    pool = DirectPool(fresh_database(), OPTIONS, DatabaseMetrics(registry), prepare=["PREPARE one AS SELECT 1"])
    yield pool
    pool.close_idle()


def ask(connection, statement):
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchone()[0]


def test_a_connection_is_in_autocommit_prepared_and_the_next_one_to_be_used(pool):
    first = pool.take()
    assert first.autocommit
    assert ask(first, "EXECUTE one") == 1
    second = pool.take()
    pool.put_back(second)
    pool.put_back(first)
    assert (pool.take(), pool.take()) == (first, second)


def test_more_than_its_size_wait_until_their_time_is_up_and_are_counted(pool, registry):
    held = [pool.take(), pool.take()]
    with pytest.raises(sa.exc.TimeoutError, match="all 2 connections were in use"):
        pool.take()
    name = {"pool_name": "counter"}
    assert registry.get_sample_value("db_client_connection_timeouts_total", name) == 1
    assert registry.get_sample_value("db_client_connection_max", name) == 2
    used = {**name, "state": "used"}
    eventually(lambda: registry.get_sample_value("db_client_connection_count", used) == 2)
    for connection in held:
        pool.put_back(connection)
    assert (pool.checkedout(), pool.checkedin()) == (0, 2)


def test_a_connection_that_is_gone_leaves_its_place_to_a_new_one(pool):
    for _ in range(3):
        connection = pool.take()
        with pytest.raises(psycopg2.Error):
            ask(connection, "SELECT pg_terminate_backend(pg_backend_pid())")
        assert connection.closed
        pool.put_back(connection)
    assert (pool.checkedout(), pool.checkedin()) == (0, 0)
    assert ask(pool.take(), "SELECT 2") == 2


def test_idle_connections_can_be_let_go_while_others_work(pool):
    idle, busy = pool.take(), pool.take()
    pool.put_back(idle)
    pool.close_idle()
    assert idle.closed
    assert ask(busy, "SELECT 3") == 3
    assert (pool.checkedout(), pool.checkedin()) == (1, 0)


def test_what_cannot_be_opened_or_prepared_takes_no_place(fresh_database):
    refused = DirectPool(fresh_database(), OPTIONS, prepare=["PREPARE two AS SELECT * FROM nowhere"])
    nobody = DirectPool("postgresql://nobody@127.0.0.1:9/none", OPTIONS)
    for pool, error in ((refused, psycopg2.errors.UndefinedTable), (nobody, psycopg2.OperationalError)):
        for _ in range(3):
            with pytest.raises(error):
                pool.take()
        assert (pool.checkedout(), pool.checkedin()) == (0, 0)
