"""Checks of a deployment from outside: does what runs agree with what this version expects?"""

from __future__ import annotations

import importlib.util
import json
import socket
import ssl
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit

from waybill_cli.config import SERVICES
from waybill_cli.facts.queue_faults import queue_faults
from waybill_cli.failures import RefusedError, UnreachableError
from waybill_cli.sources.service_commands import run_service

if TYPE_CHECKING:
    from waybill_cli.application import Application

# A receiver of webhooks allows five minutes, a token lives ten; and the Date header tells whole seconds only.
MOST_SKEW = timedelta(seconds=3)
_OLDEST_POSTGRES = 150_000
_SHORT_LIFE = timedelta(days=14)  # what renews certificates by itself does so at a third of 90 days

Verdict = Literal["ok", "failed", "skipped"]


@dataclass(frozen=True)
class Check:
    """What was looked at, how it is, and the figure or the reason."""

    name: str
    verdict: Verdict
    detail: str = ""
    do: str = ""


def settings(application: Application) -> Iterator[Check]:
    """Each service's own check-config, in the environment in which the service's commands run."""
    for service in SERVICES:
        done = run_service(application.target, service, "check-config")
        said = (done.stdout.strip() if done.returncode == 0 else done.stderr.strip()) or f"ended with {done.returncode}"
        yield Check(f"settings of {service}", "ok" if done.returncode == 0 else "failed", said, "docs/settings.md")


def schemas(application: Application) -> Iterator[Check]:
    """Revision of each schema against the newest that the installed package ships, and the server's version."""
    from waybill_common.database.migrations import expected_revision

    for service in SERVICES:
        (row,) = application.databases.read(
            service, "SELECT version_num, current_setting('server_version_num')::int AS server FROM alembic_version"
        )
        name, revision = f"schema of {service}", row["version_num"]
        if importlib.util.find_spec(f"waybill_{service}") is None:
            yield Check(name, "skipped", f"at {revision}; {service} is not installed here to compare with")
        elif revision[:4] == (expected := expected_revision(f"waybill_{service}"))[:4]:
            yield Check(name, "ok", f"at {revision}, as this version expects")
        else:
            ahead = revision > expected
            text = f"at {revision}, this version expects {expected}"
            yield Check(name, "ok" if ahead else "failed", text, "" if ahead else f"run: {service} migrate")
        version = f"{row['server'] // 10_000}.{row['server'] % 10_000}"
        good = row["server"] >= _OLDEST_POSTGRES
        yield Check(f"PostgreSQL of {service}", "ok" if good else "failed", version, "" if good else "15 is the oldest")


def clocks(application: Application) -> Iterator[Check]:
    """Each web process and each database against this machine's clock."""
    for service in SERVICES:
        answer = application.api.anonymous(f"{application.target.urls[service]}/openapi.json")
        date = answer.headers.get("Date")
        if date is None:
            yield Check(f"clock of {service}", "skipped", "it answers without a Date header")
        else:
            yield _clock(f"clock of {service}", parsedate_to_datetime(date), datetime.now(UTC))
        if service in application.target.databases:
            (row,) = application.databases.read(service, "SELECT clock_timestamp() AS at")
            yield _clock(f"clock of the {service} database", row["at"], datetime.now(UTC))


def _clock(name: str, theirs: datetime, ours: datetime) -> Check:
    skew = abs(theirs - ours)
    verdict: Verdict = "ok" if skew <= MOST_SKEW else "failed"
    do = "" if verdict == "ok" else "synchronise it (NTP): leases, tokens and webhooks depend on it"
    return Check(name, verdict, f"{skew.total_seconds():.1f} s from this machine's", do)


def certificates(application: Application) -> Iterator[Check]:
    """Each address with TLS: is its certificate trusted from here, and for how long is it good?"""
    for service, url in application.target.urls.items():
        place = urlsplit(url)
        if place.scheme == "https":
            yield _certificate(f"certificate of {service}", place.hostname or "", place.port or 443)


def _certificate(name: str, host: str, port: int) -> Check:
    context = ssl.create_default_context()
    try:
        with socket.create_connection((host, port), 5) as line, context.wrap_socket(line, server_hostname=host) as tls:
            shown = tls.getpeercert() or {}
    except ssl.SSLError as error:
        return Check(name, "failed", str(error), "every client refuses it: renew it, or mend its chain or its names")
    except OSError as error:
        raise UnreachableError(f"{host}:{port}: {error}") from error
    ends = datetime.fromtimestamp(ssl.cert_time_to_seconds(str(shown["notAfter"])), UTC)
    left = ends - datetime.now(UTC)
    verdict: Verdict = "ok" if left > _SHORT_LIFE else "failed"
    do = "" if verdict == "ok" else "renew it; whatever should have renewed it by itself did not"
    return Check(name, verdict, f"good until {ends:%Y-%m-%d}, {left.days} days", do)


def topology(application: Application) -> Iterator[Check]:
    """Queues that are missing or unread, and those whose arguments differ from what this version declares."""
    from waybill_common.messaging import connect_broker
    from waybill_common.messaging.broker import BrokerError, TopologyMismatchError
    from waybill_common.messaging.topology import WAYBILL_TOPOLOGY, Topology

    states = {state.name: state for state in application.queues()}
    faults = {fault.queue: fault for fault in queue_faults(list(states.values()))}
    broker = connect_broker(application.target.amqp_url)
    for queue in WAYBILL_TOPOLOGY.queues:
        name = f"queue {queue.name}"
        if fault := faults.get(queue.name):
            yield Check(name, "failed", fault.why, fault.do)
        if states[queue.name].ready is None:
            continue
        try:
            broker.declare(Topology((), (queue,), ()))  # of a queue that exists: compares, and changes nothing
        except TopologyMismatchError as error:
            yield Check(name, "failed", str(error), "docs/how-to/operate-with-waybill.md")
            continue
        except BrokerError as error:
            yield Check(name, "skipped", f"this account may not compare its arguments: {error}")
            continue
        if fault is None:
            yield Check(name, "ok", f"{states[queue.name].ready} ready, arguments as declared")


def permissions(application: Application) -> Iterator[Check]:
    """Whether the account of this command may read what the commands read."""
    for service, path in (
        ("orders", "/v1/orders?limit=1"),
        ("notifier", "/v1/deliveries?limit=1"),
        *((service, "/v1/dead-letters?limit=1") for service in ("orders", "notifier")),
    ):
        name = f"staff at {service}{path.partition('?')[0]}"
        try:
            application.api.get(service, path)
        except RefusedError as error:
            yield Check(name, "failed", error.message, "give the account the role staff: auth users grant EMAIL staff")
        else:
            yield Check(name, "ok", application.target.email)


def readiness(application: Application) -> Iterator[Check]:
    """Each process's own opinion of itself, where its internal port can be reached from here."""
    if application.target.roster is None:
        yield Check("readiness", "skipped", "internal ports are not reached from outside; ask kubectl get pods")
        return
    entries = json.loads(application.target.roster.read_text(encoding="utf-8"))
    places = {one["name"]: one["admin_port"] for one in entries if one["service"] in SERVICES and one["admin_port"]}
    one_process = {service: int(url.rpartition(":")[2]) + 1000 for service, url in application.target.urls.items()}
    for name, port in (places or one_process).items():
        if "-web-worker-" in name:
            continue
        answer = application.api.anonymous(f"http://127.0.0.1:{port}/readyz")
        faults = "; ".join(f"{what}: {why}" for what, why in answer.json()["faults"].items())
        yield Check(f"readiness of {name}", "ok" if answer.ok else "failed", faults or "ready")


CHECKS: tuple[Callable[[Application], Iterator[Check]], ...] = (
    settings,
    schemas,
    clocks,
    certificates,
    topology,
    permissions,
    readiness,
)


def examine(application: Application, checks: Iterator[Callable[[Application], Iterator[Check]]]) -> list[Check]:
    """Make all checks; what cannot be reached fails under its own name."""
    application.target  # noqa: B018 - without one there is nothing to examine, and that is said at once
    found: list[Check] = []
    for check in checks:
        try:
            found += check(application)
        except UnreachableError as error:
            found.append(Check(check.__name__, "failed", error.message))
    return found
