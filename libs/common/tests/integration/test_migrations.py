"""Migrations on real PostgreSQL: one at a time, never back, and what readiness makes of a revision."""

import importlib
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import psycopg2
import pytest
import sqlalchemy as sa
from structlog.testing import capture_logs
from waybill_common.database import EngineOptions, current_revision, make_engine, migrate, revision_is_ready
from waybill_common.database.migrations import wait_for_schema
from waybill_testkit.waiting import eventually

pytestmark = pytest.mark.integration

ENV = "from waybill_common.database.migrations import run_env\n\nrun_env()\n"
# Not idempotent on purpose: run twice, or by two at once, it fails. It is slow so that two at once do meet.
REVISION = """
from alembic import op

revision = "{revision}"
down_revision = {before!r}


def upgrade():
    op.execute("SELECT pg_sleep(0.5)")
    op.execute("CREATE TABLE made_by_{revision} (id int)")
"""


@pytest.fixture
def url(fresh_database):
    return fresh_database()


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package with the migration 0001; the name is new each time, as Python keeps what it has imported."""
    name = f"schema_of_{tmp_path.name.replace('-', '_')}"
    versions = tmp_path / name / "migrations" / "versions"
    versions.mkdir(parents=True)
    (tmp_path / name / "__init__.py").touch()
    (tmp_path / name / "migrations" / "env.py").write_text(ENV)
    monkeypatch.syspath_prepend(str(tmp_path))
    add(versions, "0001", None)
    yield name, versions
    sys.modules.pop(name, None)
    importlib.invalidate_caches()


def add(versions, revision, before):
    (versions / f"{revision}_add.py").write_text(REVISION.format(revision=revision, before=before))


@pytest.fixture
def connection(url):
    engine = make_engine(url, EngineOptions(application_name="test"))
    with engine.connect() as connection:
        yield connection
    engine.dispose()


def test_a_second_migration_finds_nothing_to_do(package, url):
    name, versions = package
    assert migrate(url, name) == "0001"
    assert migrate(url, name) == "0001"
    add(versions, "0002", "0001")
    assert migrate(url, name) == "0002"


def test_two_migrations_at_once_are_one_after_the_other(package, url, connection):
    name, _ = package
    start = threading.Barrier(2)

    def run(_):
        start.wait()
        return migrate(url, name)

    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(run, range(2))) == ["0001", "0001"]
    assert current_revision(connection) == "0001"


def test_a_lock_that_somebody_holds_delays_a_migration(package, url, connection):
    name, versions = package
    migrate(url, name)
    add(versions, "0002", "0001")
    connection.rollback()
    connection.execute(sa.text("LOCK TABLE alembic_version IN ACCESS EXCLUSIVE MODE"))
    with ThreadPoolExecutor(1) as pool, capture_logs() as logs:
        migration = pool.submit(migrate, url, name)
        eventually(lambda: [line for line in logs if line["event"] == "migration delayed"], within_seconds=60)
        connection.rollback()
        assert migration.result(timeout=120) == "0002"


def test_a_database_that_is_not_there_yet_is_waited_for(package, url, monkeypatch):
    name, _ = package
    opened = iter([True])

    def refuse_once(*arguments):
        if next(opened, False):
            raise sa.exc.OperationalError("connect", {}, psycopg2.OperationalError("connection refused"))
        return make_engine(*arguments)

    monkeypatch.setattr("waybill_common.database.migrations.make_engine", refuse_once)
    assert migrate(url, name) == "0001"


def test_the_previous_version_leaves_a_later_schema_as_it_is(package, url, connection):
    name, versions = package
    add(versions, "0002", "0001")
    migrate(url, name)
    (versions / "0002_add.py").unlink()
    assert migrate(url, name) == "0002"
    assert connection.execute(sa.text("SELECT to_regclass('made_by_0002')")).scalar()


def test_readiness_takes_its_own_revision_and_later_ones_only(package, url, connection):
    name, versions = package
    assert not revision_is_ready(connection, "0001")
    add(versions, "0002", "0001")
    migrate(url, name)
    connection.rollback()
    assert revision_is_ready(connection, "0001")
    assert revision_is_ready(connection, "0002")
    assert not revision_is_ready(connection, "0003")


def test_whoever_waits_for_the_schema_goes_on_when_another_has_migrated(package, url):
    name, versions = package
    migrate(url, name)
    add(versions, "0002", "0001")
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(wait_for_schema, url, name, threading.Event())
        with pytest.raises(TimeoutError):
            waiting.result(timeout=1.5)  # longer than one look: the older schema is not enough
        migrate(url, name)
        assert waiting.result(timeout=30) is True


def test_whoever_waits_for_the_schema_ends_when_told_to_while_no_database_is_there(package):
    stop = threading.Event()
    nowhere = "postgresql://nobody@127.0.0.1:1/nothing"
    with ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(wait_for_schema, nowhere, package[0], stop)
        with pytest.raises(TimeoutError):
            waiting.result(timeout=1.5)
        stop.set()
        assert waiting.result(timeout=30) is False
