"""`make up`: three web applications, relays, consumers, workers, embedded broker and mail catcher in one process."""

from __future__ import annotations

import importlib
import io
from contextlib import ExitStack, redirect_stderr, redirect_stdout
from pathlib import Path

import click
from waybill_common.telemetry import configure_logging, start_tracing, stop_tracing
from waybill_sandbox.mail.serve import MailAddress, MailService

from waybill_standalone import programs
from waybill_standalone.accounts import AccountMaker
from waybill_standalone.config import SERVICES, StandaloneSettings, adopt
from waybill_standalone.ground import Ground
from waybill_standalone.modes.stopping import StopSignals
from waybill_standalone.modes.threads import LoopKeeper
from waybill_standalone.notice import Notice
from waybill_standalone.processes.supervisor import StartError
from waybill_standalone.webserver import WebServer
from waybill_standalone.wiring import Addresses, program_environment, service_environment

_WEB_THREADS = 6
_POSTGRES = {"max_connections": "100", "shared_buffers": "24MB"}
# A pool in each part of one process: what no thread uses need not be open.
_LEAN = {
    "WAYBILL_AUTH_DATABASE_POOL_SIZE": "6",
    "WAYBILL_ORDERS_DATABASE_POOL_SIZE": "6",
    "WAYBILL_NOTIFIER_DATABASE_POOL_SIZE": "6",
    "WAYBILL_SANDBOX_DATABASE_POOL_SIZE": "4",
    "WAYBILL_WEB_WORKERS": "1",
}


def run_single(settings: StandaloneSettings, notice: Notice) -> None:
    """Start everything, say where it is, and keep it running until SIGINT or SIGTERM."""
    signals = StopSignals()
    ground = Ground(settings)
    with ExitStack() as started:
        _log_to(ground.home.logs / "platform.log", started)
        started.callback(ground.close)
        started.callback(notice.stopping)
        _start(ground, notice, started)
        ground.supervisor.watch(signals.started())


def _start(ground: Ground, notice: Notice, started: ExitStack) -> None:
    settings = ground.settings
    notice.step("PostgreSQL")
    ground.start_postgres(_POSTGRES)
    smtp_url = settings.smtp_url or _start_mail(ground, started)
    addresses = Addresses(ground.databases(), settings.amqp_url or ground.database("broker"), smtp_url)
    environment = _LEAN | service_environment(settings, ground.home, addresses)
    adopt(environment)
    notice.step("schemas")
    _migrate()
    notice.step("services")
    ground.supervisor.start([programs.gateway_program(settings, program_environment(environment))])
    _start_services(settings, started)
    notice.step("accounts")
    accounts = AccountMaker(settings, ground.home, program_environment(environment)).ensure()
    ground.tell_environment(environment)
    ground.tell_ready("standalone", addresses, accounts)
    notice.ready(settings, accounts)


def _start_mail(ground: Ground, started: ExitStack) -> str:
    port = ground.settings.smtp_port or ground.lasting_port("smtp")
    mail = MailService(ground.home.folder / "mail.jsonl", MailAddress(port, ground.settings.ports["mail"]))
    mail.start()
    started.callback(mail.stop)
    return f"smtp://127.0.0.1:{port}?tls=off"


def _start_services(settings: StandaloneSettings, started: ExitStack) -> None:
    # One process, so one name in the traces; what each service starts for itself finds it started.
    start_tracing(importlib.import_module("waybill_orders.config").load(), "standalone", name="standalone")
    started.callback(stop_tracing)
    loops = LoopKeeper()
    started.callback(loops.stop)
    for service in SERVICES:
        application = importlib.import_module(f"waybill_{service}.wsgi").create()
        port = settings.ports[service]
        web = WebServer(service, application, [port, port + 1000], _WEB_THREADS)
        web.start()
        started.callback(web.stop)
    for service in SERVICES:
        worker = importlib.import_module(f"waybill_{service}.worker")
        own = importlib.import_module(f"waybill_{service}.config").load()
        for role in programs.ROLES[service]:
            run = getattr(worker, f"run_{role}")
            loops.start(f"{service}-{role}", lambda stop, run=run, own=own: run(own, stop))  # type: ignore[misc]


def _migrate() -> None:
    """Each service's own `migrate`, here instead of in four processes: their modules are needed next anyway."""
    for service in (*SERVICES, "sandbox"):
        said = io.StringIO()
        command = importlib.import_module(f"waybill_{service}.cli").main
        with redirect_stdout(said), redirect_stderr(said):
            try:
                command.main(["migrate"], standalone_mode=False)
            except (SystemExit, click.ClickException) as error:
                raise StartError(f"{service} migrate failed: {error}\n{said.getvalue()[-2000:]}") from error


def _log_to(path: Path, started: ExitStack) -> None:
    """The terminal is for the person: what the services write to standard error goes to a file, whoever sets it up."""
    stream = started.enter_context(path.open("a", encoding="utf-8", buffering=1))
    started.enter_context(redirect_stderr(stream))
    configure_logging("standalone")
