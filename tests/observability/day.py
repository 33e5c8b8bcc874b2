"""A game day: faults on a watched platform, and the alerts that must come and go with them."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pika
import psutil
import psycopg2
import requests
from pika.adapters.blocking_connection import BlockingChannel

from tests.observability.watched import Watched

FIRES_SECONDS = 150.0
RESOLVES_SECONDS = 240.0
_RABBITMQCTL = "/usr/lib/rabbitmq/bin/rabbitmqctl"


class Day:
    """The platform under its faults."""

    def __init__(self, watched: Watched) -> None:
        self.watched = watched
        self.platform = watched.platform

    def await_firing(self, alert: str, **labels: str) -> None:
        """Wait until the alert fires; raises AssertionError with what fires instead."""
        came = self.watched.until(lambda: self.is_in("firing", alert, labels), FIRES_SECONDS)
        assert came, f"{alert} did not fire; firing: {self.watched.watchers.alerts()}"

    def await_resolved(self, alert: str, **labels: str) -> None:
        """Wait until the alert fires no more."""
        went = self.watched.until(lambda: not self.is_in("firing", alert, labels), RESOLVES_SECONDS)
        assert went, f"{alert} still fires"

    def await_quiet(self) -> bool:
        """Wait until nothing fires: at its start Prometheus misses everything. False when something goes on."""
        return self.watched.until(lambda: not self.watched.watchers.alerts(), RESOLVES_SECONDS)

    def is_in(self, state: str, alert: str, labels: dict[str, str]) -> bool:
        """Whether the alert with these labels is in a state, as Prometheus says."""
        wanted = {"alertname": alert, **labels}.items()
        return any(wanted <= found.items() for found in self.watched.watchers.alerts(state))

    @contextmanager
    def dead(self, names: Sequence[str]) -> Iterator[None]:
        """Kill processes and keep them dead inside the context, in which their ports are free."""
        self.platform.pause_restarts(names)
        try:
            victims = [psutil.Process(entry["pid"]) for entry in self.platform.processes() if entry["name"] in names]
            for victim in victims:
                victim.kill()
            _, alive = psutil.wait_procs(victims, timeout=30)
            assert not alive, f"these outlived SIGKILL: {alive}"
            yield
        finally:
            self.platform.resume_restarts()

    def staff_headers(self) -> dict[str, str]:
        """Sign in as staff and return the header that says so."""
        answer = requests.post(
            f"{self.platform.urls['auth']}/v1/login", json=self.platform.accounts["staff"], timeout=20
        )
        return {"Authorization": f"Bearer {answer.json()['access_token']}"}

    def query(self, database: str, statement: str) -> list[tuple[Any, ...]]:
        """Run one statement on a service's database and return its rows."""
        connection = psycopg2.connect(self.platform.database_url(database))
        try:
            with connection, connection.cursor() as cursor:
                cursor.execute(statement)
                return list(cursor.fetchall()) if cursor.description else []
        finally:
            connection.close()

    @contextmanager
    def channel(self) -> Iterator[BlockingChannel]:
        """Speak to the broker as a client of its own."""
        connection = pika.BlockingConnection(pika.URLParameters(self.platform.amqp_url))
        try:
            yield connection.channel()
        finally:
            connection.close()

    def publish(self, exchange: str, key: str, body: bytes, count: int = 1) -> None:
        """Publish plain messages."""
        with self.channel() as channel:
            for _ in range(count):
                channel.basic_publish(exchange, key, body)

    def rabbitmqctl(self, *arguments: str) -> str:
        """Run it against the platform's own node, with that node's environment."""
        (broker,) = self.platform.processes("rabbitmq")
        node = psutil.Process(broker["pid"])
        done = subprocess.run(
            [_RABBITMQCTL, "--quiet", *arguments],
            env=node.environ(),
            cwd=Path("/"),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr + done.stdout
        return done.stdout
