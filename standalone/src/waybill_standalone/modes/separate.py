"""`make up-processes`: the platform as it runs in production, on one machine."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Mapping

from waybill_standalone import programs
from waybill_standalone.accounts import AccountMaker
from waybill_standalone.config import SERVICES, StandaloneSettings
from waybill_standalone.ground import Ground
from waybill_standalone.modes.stopping import StopSignals
from waybill_standalone.notice import Notice
from waybill_standalone.ports import free_port
from waybill_standalone.processes.supervisor import StartError
from waybill_standalone.servers.rabbitmq import RabbitServer
from waybill_standalone.wiring import Addresses, program_environment, service_environment

_POSTGRES = {"max_connections": "300", "shared_buffers": "128MB", "synchronous_commit": "on"}


def run_processes(settings: StandaloneSettings, notice: Notice) -> None:
    """Start everything, say where it is, and keep it running until SIGINT or SIGTERM."""
    signals = StopSignals()
    ground = Ground(settings)
    try:
        _start(ground, notice)
        ground.supervisor.watch(signals.started())
    finally:
        notice.stopping()
        ground.close()


def _start(ground: Ground, notice: Notice) -> None:
    settings = ground.settings
    notice.step("PostgreSQL and RabbitMQ")
    ground.start_postgres(_POSTGRES)
    amqp_url = settings.amqp_url or _start_rabbitmq(ground)
    smtp_port = settings.smtp_port or ground.lasting_port("smtp")
    addresses = Addresses(ground.databases(), amqp_url, settings.smtp_url or f"smtp://127.0.0.1:{smtp_port}?tls=off")
    environment = program_environment(service_environment(settings, ground.home, addresses))
    notice.step("schemas")
    _migrate(environment)
    notice.step("services")
    first = [programs.gateway_program(settings, environment), programs.mail_program(settings, environment, smtp_port)]
    ground.supervisor.start([*first, programs.web_program("auth", settings, environment)])
    rest = [programs.web_program(service, settings, environment) for service in SERVICES if service != "auth"]
    for service in SERVICES:
        rest += programs.service_programs(service, environment)
    ground.supervisor.start(rest)
    notice.step("accounts")
    accounts = AccountMaker(settings, ground.home, environment).ensure()
    ground.tell_environment(environment)
    ground.tell_ready("processes", addresses, accounts)
    notice.ready(settings, accounts)


def _start_rabbitmq(ground: Ground) -> str:
    port, metrics_port = ground.lasting_port("rabbitmq"), ground.lasting_port("rabbitmq_metrics")
    password = ground.home.secret("rabbitmq_password")
    server = RabbitServer(ground.home.folder / "rabbitmq", port, metrics_port, free_port(), free_port(), password)
    names, node = server.programs()
    ground.supervisor.start([names])
    ground.supervisor.start([node])
    return server.url()


def _migrate(environment: Mapping[str, str]) -> None:
    """Each service's schema by its own command, side by side."""
    faults: list[str] = []

    def migrate(service: str) -> None:
        command = [sys.executable, "-m", f"waybill_{service}", "migrate"]
        done = subprocess.run(command, env=dict(environment), capture_output=True, text=True, check=False)  # noqa: S603
        if done.returncode != 0:
            faults.append(f"{service} migrate ended with {done.returncode}:\n{(done.stderr or done.stdout)[-2000:]}")

    threads = [threading.Thread(target=migrate, args=(service,)) for service in (*SERVICES, "sandbox")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if faults:
        raise StartError("\n".join(faults))
