"""The platform's own processes as programs: gateway, mail catcher, and what each service runs in production."""

from __future__ import annotations

import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping

from waybill_standalone.config import StandaloneSettings
from waybill_standalone.ports import free_port
from waybill_standalone.servers.child import Program

# Service → what it runs beside its web; two of each, as in production.
ROLES: Mapping[str, tuple[str, ...]] = {
    "auth": ("relay", "worker"),
    "orders": ("relay", "consumer", "worker"),
    "notifier": ("consumer", "worker"),
}
COMMANDS = {"relay": "relay", "consumer": "consume", "worker": "work"}
COPIES = 2


def gateway_program(settings: StandaloneSettings, environment: Mapping[str, str]) -> Program:
    """The sandbox payment gateway."""
    return Program(
        name="sandbox",
        role="gateway",
        service="sandbox",
        command=[sys.executable, "-m", "waybill_sandbox", "serve"],
        environment=environment,
        port=settings.ports["sandbox"],
        is_ready=answers(f"{settings.url('sandbox')}/livez"),
    )


def mail_program(settings: StandaloneSettings, environment: Mapping[str, str], smtp_port: int) -> Program:
    """The mail catcher as a process of its own."""
    port = settings.ports["mail"]
    return Program(
        name="mail",
        role="mail",
        service="mail",
        command=[
            *(sys.executable, "-m", "waybill_sandbox", "mail"),
            *(f"--smtp-port={smtp_port}", f"--web-port={port}", f"--file={settings.home / 'mail.jsonl'}"),
        ],
        environment=environment,
        port=port,
        is_ready=answers(f"{settings.url('mail')}/api/summaries"),
    )


def web_program(service: str, settings: StandaloneSettings, environment: Mapping[str, str]) -> Program:
    """gunicorn with the service's web workers."""
    port = settings.ports[service]
    return Program(
        name=f"{service}-web",
        role="web",
        service=service,
        command=[sys.executable, "-m", f"waybill_{service}", "web"],
        environment=environment,
        port=port,
        admin_port=port + 1000,
        stop_grace_seconds=35,
        is_ready=answers(f"http://127.0.0.1:{port + 1000}/readyz"),
    )


def service_programs(service: str, environment: Mapping[str, str]) -> list[Program]:
    """Relays, consumers and workers of a service, two of each that it has."""
    programs = []
    for role in ROLES[service]:
        for number in range(1, COPIES + 1):
            port = free_port()
            programs.append(
                Program(
                    name=f"{service}-{role}-{number}",
                    role=role,
                    service=service,
                    command=[sys.executable, "-m", f"waybill_{service}", COMMANDS[role]],
                    environment={**environment, "WAYBILL_ADMIN_PORT": str(port)},
                    admin_port=port,
                    stop_grace_seconds=30,
                    is_ready=answers(f"http://127.0.0.1:{port}/livez"),
                )
            )
    return programs


def answers(url: str) -> Callable[[], bool]:
    """A check that `url` answers 200."""

    def check() -> bool:
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:  # noqa: S310 - an http URL of our own
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False

    return check
