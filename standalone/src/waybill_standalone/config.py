"""What can be set from outside: ports, the folder, and real servers in place of the platform's own."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

SERVICES = ("auth", "orders", "notifier")
DATABASES = (*SERVICES, "sandbox")

_PORTS = {"auth": 8081, "orders": 8082, "notifier": 8083, "sandbox": 8084, "mail": 8025}


class StandaloneSettingsError(Exception):
    """A variable has a value that cannot be used; the message names each and what it should be."""


@dataclass(frozen=True)
class StandaloneSettings:
    """Read once. `ports` has the web port of each service, of the gateway (`sandbox`) and of the mail page (`mail`).

    `database_urls`, `amqp_url` and `smtp_url` are the real servers named from outside; what is missing is started here.
    `environment` is what the children inherit.
    """

    home: Path
    ports: Mapping[str, int]
    smtp_port: int = 0
    postgres_port: int = 0
    database_urls: Mapping[str, str] = field(default_factory=dict)
    amqp_url: str = ""
    smtp_url: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)

    @property
    def needs_postgres(self) -> bool:
        """Whether some database was not named from outside."""
        return set(self.database_urls) != set(DATABASES)

    def url(self, name: str) -> str:
        """Web address of a service, of `sandbox` or of `mail`."""
        return f"http://127.0.0.1:{self.ports[name]}"

    def own_settings(self) -> dict[str, str]:
        """Waybill's settings of the services in this shell, without ports and folder."""
        return {
            name: value
            for name, value in self.environment.items()
            if name.startswith("WAYBILL_") and name != "WAYBILL_HOME" and not name.endswith("_PORT")
        }

    def port_variables(self) -> dict[str, int]:
        """The fixed ports and the variables that move them."""
        return {_port_variable(name): port for name, port in self.ports.items()}


def load(environ: Mapping[str, str] | None = None) -> StandaloneSettings:
    """Read the environment; raises StandaloneSettingsError with all faults at once."""
    source = dict(os.environ if environ is None else environ)  # noqa: TID251 - this is the one place
    faults: list[str] = []

    def port(variable: str, default: int) -> int:
        text = source.get(variable) or str(default)
        if text.isdecimal() and int(text) <= 64_535:
            return int(text)
        faults.append(f"{variable}: {text!r} is not a port (0 to 64535)")
        return default

    ports = {name: port(_port_variable(name), default) for name, default in _PORTS.items()}
    databases = {
        name: url for name in DATABASES if (url := source.get(f"WAYBILL_{name.upper()}_DATABASE_URL", "").strip())
    }
    faults += [
        f"WAYBILL_{name.upper()}_DATABASE_URL: must begin with postgresql://"
        for name, url in databases.items()
        if not url.startswith("postgresql")
    ]
    settings = StandaloneSettings(
        home=Path(source.get("WAYBILL_HOME") or ".waybill").resolve(),
        ports=ports,
        smtp_port=port("WAYBILL_MAIL_SMTP_PORT", 0),
        postgres_port=port("WAYBILL_POSTGRES_PORT", 0),
        database_urls=databases,
        amqp_url=source.get("WAYBILL_AMQP_URL", "").strip(),
        smtp_url=source.get("WAYBILL_SMTP_URL", "").strip(),
        environment=source,
    )
    if faults:
        raise StandaloneSettingsError("\n".join(faults))
    return settings


def _port_variable(name: str) -> str:
    return f"WAYBILL_{name.upper()}_WEB_PORT"


def adopt(environment: Mapping[str, str]) -> None:
    """Make `environment` this process's own, so that the services in it read their settings as they always do."""
    os.environ.update(environment)  # noqa: TID251 - as above


def inherited() -> dict[str, str]:
    """The environment without Waybill's own settings, for a platform that must not follow this shell's."""
    return {name: value for name, value in os.environ.items() if not name.startswith("WAYBILL_")}  # noqa: TID251
