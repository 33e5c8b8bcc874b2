"""Where the platform is and who asks: read from the folder of `make up`, or from the environment."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from waybill_cli.failures import UnreachableError

SERVICES = ("auth", "orders", "notifier")
_DEFAULT_URLS = {
    "auth": "http://127.0.0.1:8081",
    "orders": "http://127.0.0.1:8082",
    "notifier": "http://127.0.0.1:8083",
}
_READY, _ROSTER, _ENVIRONMENT = "ready.json", "processes.json", "environment.json"


@dataclass(frozen=True)
class Target:
    """One platform. What is missing in `databases`, `amqp_url`, `email` was not named, and is said when it is needed.

    `run_in` is the command prefix that runs a service's own command where it is deployed, with `{service}` in it; empty
    runs it here, with `environment`. `roster` lists the processes of `make up-processes`.
    """

    name: str
    urls: Mapping[str, str]
    databases: Mapping[str, str] = field(default_factory=dict)
    amqp_url: str = ""
    email: str = ""
    password: str = field(default="", repr=False)
    run_in: str = ""
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    roster: Path | None = None


def load(folder: Path | None, *, from_environment: bool, environ: Mapping[str, str] | None = None) -> Target:
    """Return the platform to look at: that of `folder`, that of the environment, or the one of the two that is there.

    Without a wish the environment counts when it names a service's address or database, else the folder WAYBILL_HOME
    (`.waybill`). Raises UnreachableError with what to set.
    """
    source = dict(os.environ if environ is None else environ)  # noqa: TID251 - the one place that reads the environment
    if folder is not None:
        return _local(folder, source)
    if from_environment or any(_value(source, name) for name in _address_names()):
        return _deployed(source)
    return _local(Path(source.get("WAYBILL_HOME") or ".waybill"), source)


def _address_names() -> list[str]:
    return [f"WAYBILL_{service.upper()}_{what}" for service in SERVICES for what in ("URL", "DATABASE_URL")]


def _local(folder: Path, source: Mapping[str, str]) -> Target:
    ready = _read(folder / _READY)
    if ready is None:
        raise UnreachableError(
            f"no platform runs from {folder}: start one (make up, make up-processes), name its folder "
            "(--local FOLDER), or name a deployed one by WAYBILL_AUTH_URL, WAYBILL_ORDERS_URL and WAYBILL_NOTIFIER_URL"
        )
    own = _read(folder / _ENVIRONMENT) or {}
    inherited = {name: value for name, value in source.items() if not name.startswith("WAYBILL_")}
    return Target(
        name=f"{ready['mode']} in {folder}",
        urls={service: ready["urls"][service] for service in SERVICES},
        databases={service: ready["databases"][service] for service in SERVICES},
        amqp_url=ready["amqp_url"],
        email=ready["accounts"]["staff"]["email"],
        password=ready["accounts"]["staff"]["password"],
        environment=inherited | own,
        roster=folder / _ROSTER if (folder / _ROSTER).exists() else None,
    )


def _deployed(source: Mapping[str, str]) -> Target:
    databases = {service: _value(source, f"WAYBILL_{service.upper()}_DATABASE_URL") for service in SERVICES}
    return Target(
        name="the environment",
        urls={
            service: _value(source, f"WAYBILL_{service.upper()}_URL") or _DEFAULT_URLS[service] for service in SERVICES
        },
        databases={service: url for service, url in databases.items() if url},
        amqp_url=_value(source, "WAYBILL_AMQP_URL"),
        email=_value(source, "WAYBILL_CLI_EMAIL"),
        password=_value(source, "WAYBILL_CLI_PASSWORD"),
        run_in=_value(source, "WAYBILL_CLI_RUN_IN"),
        environment=source,
    )


def _value(source: Mapping[str, str], name: str) -> str:
    """A variable, or the content of the file that `<name>_FILE` names; empty when neither is set."""
    if path := source.get(f"{name}_FILE"):
        try:
            return Path(path).read_text(encoding="utf-8").strip()
        except OSError as error:
            raise UnreachableError(f"{name}_FILE: {error.strerror}: {path}") from None
    return source.get(name, "").strip()


def _read(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise UnreachableError(f"{path} cannot be read: {error}") from None
