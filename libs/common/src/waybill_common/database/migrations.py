"""Schema migrations with alembic, one at a time under an advisory lock, and the revision check of readiness."""

import hashlib
import threading
import time
from importlib import resources

import sqlalchemy as sa
from alembic import command, context
from alembic.config import Config
from alembic.script import ScriptDirectory

from waybill_common.database.engine import EngineOptions, make_engine
from waybill_common.database.errors import is_transient, is_unavailable
from waybill_common.telemetry import get_logger

_CONNECTION = "connection"
_LOOK_EVERY_SECONDS = 1.0
_PATIENCE_SECONDS = 60.0
_log = get_logger(__name__)


def migrate(url: str, package: str) -> str:
    """Bring the database to the package's newest revision and return it, for example `0003`.

    Two callers at once are serialised by `pg_advisory_lock`; the second finds nothing left to do. A later revision than
    the package knows stays as it is: the older version is being rolled back to, and there is no way down.

    While the database cannot be reached, or somebody holds a lock longer than the 3 s that a migration waits, it begins
    anew for up to a minute; what fails then, or otherwise, is raised. A pod's first connections may come before the
    network knows the pod.
    """
    deadline = time.monotonic() + _PATIENCE_SECONDS
    pause = 0.5
    while True:
        try:
            return _migrate(url, package)
        except sa.exc.SQLAlchemyError as error:
            if not (is_unavailable(error) or is_transient(error)) or time.monotonic() + pause > deadline:
                raise
            _log.warning("migration delayed", package=package, again_in_seconds=pause, reason=str(error))
            time.sleep(pause)  # nothing tells when the network or the other session is through
            pause = min(2 * pause, 8.0)


def _migrate(url: str, package: str) -> str:
    options = EngineOptions(
        application_name=f"{package}-migrate", pool_size=2, statement_timeout_ms=600_000, lock_timeout_ms=3_000
    )
    engine = make_engine(url, options)
    lock_id = int.from_bytes(hashlib.sha256(package.encode()).digest()[:8], "big", signed=True)
    try:
        with engine.connect() as guard:
            guard.execute(sa.text("SET lock_timeout = 0"))
            guard.execute(sa.text("SELECT pg_advisory_lock(:id)"), {"id": lock_id})
            guard.commit()  # the lock belongs to the session; no transaction stays open beside the migration
            try:
                with engine.connect() as connection:
                    if not revision_is_ready(connection, expected_revision(package)):
                        config = _config(package)
                        config.attributes[_CONNECTION] = connection
                        command.upgrade(config, "head")
                        connection.commit()
                    revision = current_revision(connection) or ""
            finally:
                guard.execute(sa.text("SELECT pg_advisory_unlock(:id)"), {"id": lock_id})
                guard.commit()
    finally:
        engine.dispose()
    _log.info("migrated", package=package, revision=revision)
    return revision


def wait_for_schema(url: str, package: str, stop: threading.Event) -> bool:
    """Wait until somebody else has brought the database to the package's newest revision; False when `stop` came first.

    The database may be away meanwhile, or not be there yet. The wait has no end of its own: a pod that waits shows it,
    and the log says what for.
    """
    expected = expected_revision(package)
    engine = make_engine(url, EngineOptions(application_name=f"{package}-wait", pool_size=1))
    told = None
    try:
        while not stop.is_set():
            reason = _why_not_ready(engine, expected)
            if reason is None:
                return True
            if reason != told:
                _log.info("schema_awaited", package=package, expected=expected, reason=reason)
                told = reason
            stop.wait(_LOOK_EVERY_SECONDS)
    finally:
        engine.dispose()
    return False


def _why_not_ready(engine: sa.Engine, expected: str) -> str | None:
    try:
        with engine.connect() as connection:
            if revision_is_ready(connection, expected):
                return None
            return f"the schema is at {current_revision(connection) or 'no revision'}"
    except sa.exc.OperationalError as error:
        return str(error.orig).strip()


def run_env() -> None:
    """Run the migrations of the env.py that calls this, on the connection that `migrate` opened."""
    connection: sa.Connection = context.config.attributes[_CONNECTION]
    context.configure(connection=connection, transaction_per_migration=True)
    with context.begin_transaction():
        context.run_migrations()


def expected_revision(package: str) -> str:
    """Return the newest revision that the package ships."""
    return ScriptDirectory.from_config(_config(package)).get_current_head() or ""


def current_revision(connection: sa.Connection) -> str | None:
    """Return the revision the database is at, None when it was never migrated."""
    if connection.execute(sa.text("SELECT to_regclass('alembic_version')")).scalar() is None:
        return None
    revision: str | None = connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar()
    return revision


def revision_is_ready(connection: sa.Connection, expected: str) -> bool:
    """Tell whether the schema is at the expected revision or a later one: code N-1 runs on schema N, never the reverse.

    Revisions are numbers (`0001`, `0002`, …), so that "later" can be read from the name.
    """
    revision = current_revision(connection)
    return revision is not None and revision[:4] >= expected[:4]


def _config(package: str) -> Config:
    config = Config()
    config.set_main_option("script_location", str(resources.files(package) / "migrations"))
    config.set_main_option("path_separator", "os")
    return config
