"""What both ways to run the platform share: its folder, its servers and databases, and the stop in order."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from waybill_standalone.config import DATABASES, StandaloneSettings
from waybill_standalone.home import Home
from waybill_standalone.ports import free_port, is_free, require_free
from waybill_standalone.processes.supervisor import Supervisor
from waybill_standalone.servers.postgres import PostgresServer
from waybill_standalone.wiring import Addresses

READY_FILE = "ready.json"
ENVIRONMENT_FILE = "environment.json"


class Ground:
    """One platform's folder, children and servers; `close` stops everything that was started through it."""

    def __init__(self, settings: StandaloneSettings) -> None:
        """Check the ports and take the folder; raises PortTakenError, HomeError."""
        require_free(settings.port_variables())
        self.settings = settings
        self.home = Home(settings.home)
        self.supervisor = Supervisor(self.home)
        self._postgres: PostgresServer | None = None
        self._ready = self.home.folder / READY_FILE
        self._ready.unlink(missing_ok=True)

    def start_postgres(self, tuning: Mapping[str, str]) -> None:
        """Start a PostgreSQL of our own, unless every database was named from outside; raises StartError."""
        if not self.settings.needs_postgres and self.settings.amqp_url:
            return
        port = self.settings.postgres_port or self.lasting_port("postgres")
        password = self.home.secret("postgres_password")
        self._postgres = PostgresServer(self.home.folder / "postgres", port, password, tuning)
        self.supervisor.start([self._postgres.program()])

    def databases(self) -> dict[str, str]:
        """URL of each service's database, made where it is ours and missing."""
        given = self.settings.database_urls
        return {name: given.get(name) or self.database(name) for name in DATABASES}

    def database(self, name: str) -> str:
        """URL of a database of our own server."""
        if self._postgres is None:
            raise RuntimeError(f"there is no server of our own for the database {name}")
        return self._postgres.ensure_database(name)

    def lasting_port(self, name: str) -> int:
        """A free port that stays the same for this folder while nobody else takes it."""
        port = int(self.home.secret(f"{name}_port", lambda: str(free_port())))
        return port if is_free(port) else free_port()

    def tell_ready(self, mode: str, addresses: Addresses, accounts: Mapping[str, Any]) -> None:
        """Leave `.waybill/ready.json`, from which tests and the demo learn where everything is."""
        names = ("auth", "orders", "notifier", "sandbox", "mail")
        facts = {
            "pid": os.getpid(),
            "mode": mode,
            "urls": {name: self.settings.url(name) for name in names},
            "accounts": accounts,
            "databases": dict(addresses.databases),
            "amqp_url": addresses.amqp_url,
            "smtp_url": addresses.smtp_url,
        }
        self.home.write(READY_FILE, facts)

    def tell_environment(self, environment: Mapping[str, str]) -> None:
        """Leave `.waybill/environment.json`: what a service's own command needs to be run beside this platform."""
        own = {name: value for name, value in environment.items() if name.startswith("WAYBILL_")}
        self.home.write(ENVIRONMENT_FILE, own)

    def close(self) -> None:
        """Stop what was started, in the reverse order, and give the folder free."""
        self._ready.unlink(missing_ok=True)
        self.supervisor.stop()
        self.home.close()
