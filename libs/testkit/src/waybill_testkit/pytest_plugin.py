"""Pytest fixtures: real servers, one per run, shared by the workers."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import pytest

from waybill_testkit import waiting
from waybill_testkit.databases import Databases
from waybill_testkit.postgres import PostgresOptions, PostgresServer, Running
from waybill_testkit.rabbitmq import ForeignRabbit, RabbitServer, RabbitState
from waybill_testkit.shared import Record, RunFolder
from waybill_testkit.sockets import close_sockets

_RUN = pytest.StashKey[RunFolder]()

FreshDatabase = Callable[..., str]


def pytest_configure(config: pytest.Config) -> None:
    """Give the run one folder; a worker gets the controller's."""
    given: dict[str, Any] | None = getattr(config, "workerinput", None)
    if given is not None:
        config.stash[_RUN] = RunFolder(Path(given["waybill_run"]), given["waybill_owner"])
    else:
        config.stash[_RUN] = RunFolder(Path(tempfile.mkdtemp(prefix="waybill-run-")), os.getpid())


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tell a pytest-xdist worker where the run's folder is."""
    run = node.config.stash[_RUN]
    node.workerinput["waybill_run"] = str(run.folder)
    node.workerinput["waybill_owner"] = run.owner_pid


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stop what the run started, in the process that owns the run."""
    run = config.stash.get(_RUN, None)
    if run is None or run.owner_pid != os.getpid():
        return
    if record := run.get("postgres"):
        _attach(record).close()
    if record := run.get("rabbitmq"):
        RabbitServer(state=RabbitState(**record)).close()
    run.delete()


def _attach(record: Record) -> PostgresServer:
    return PostgresServer(running=Running(record["port"], record["pid"], Path(record["folder"])))


@pytest.fixture(autouse=True)
def _unit_tests_open_no_socket(request: pytest.FixtureRequest) -> Iterator[None]:
    if request.node.get_closest_marker("unit") is None:
        yield
        return
    with pytest.MonkeyPatch.context() as patch:
        close_sockets(patch)
        yield


@pytest.fixture(scope="session")
def run_folder(pytestconfig: pytest.Config) -> RunFolder:
    """The records that this run's workers share."""
    return pytestconfig.stash[_RUN]


@pytest.fixture(scope="session")
def postgres(run_folder: RunFolder) -> PostgresServer:
    """The run's PostgreSQL server, the wheel's or that of the folder WAYBILL_TEST_POSTGRES_BIN.

    Others use it at the same moment: a test that kills or stops one starts its own.
    """

    def make() -> Record:
        given = os.environ.get("WAYBILL_TEST_POSTGRES_BIN")  # noqa: TID251 - the runner's switch, no service's setting
        binaries = Path(given) if given else None
        server = PostgresServer(PostgresOptions(owner_pid=run_folder.owner_pid, binaries=binaries))
        return {"port": server.port, "pid": server.pid, "folder": str(server.folder)}

    return _attach(run_folder.once("postgres", make))


@pytest.fixture
def fresh_database(postgres: PostgresServer, run_folder: RunFolder) -> Iterator[FreshDatabase]:
    """`fresh_database(template_key, build)` gives the url of a new database; `build(url)` runs once per run and key."""
    databases = Databases(postgres, run_folder)
    yield databases.fresh
    databases.drop()


@pytest.fixture(scope="session")
def rabbitmq(run_folder: RunFolder) -> RabbitServer | ForeignRabbit:
    """The run's RabbitMQ server, or the broker of WAYBILL_TEST_AMQP_URL (its management API: …_MANAGEMENT_URL).

    Others use it at the same moment: a test that kills or stops one starts its own.
    """
    if url := os.environ.get("WAYBILL_TEST_AMQP_URL"):  # noqa: TID251  the runner's switch, not a service's setting
        host = urlsplit(url).hostname
        management = os.environ.get("WAYBILL_TEST_AMQP_MANAGEMENT_URL", f"http://{host}:15672")  # noqa: TID251
        return ForeignRabbit(url, management)

    def make() -> Record:
        return asdict(RabbitServer(owner_pid=run_folder.owner_pid).state)

    return RabbitServer(state=RabbitState(**run_folder.once("rabbitmq", make)))


@pytest.fixture
def amqp_url(rabbitmq: RabbitServer | ForeignRabbit) -> Iterator[str]:
    """The url of an empty virtual host of its own, so that tests share a broker and nothing else."""
    name = f"test-{uuid4().hex[:12]}"
    yield rabbitmq.management.create_vhost(name)
    rabbitmq.management.delete_vhost(name)


@pytest.fixture(scope="session")
def free_port() -> Callable[[], int]:
    """`free_port()` gives a TCP port of 127.0.0.1 that nobody listens on."""
    return waiting.free_port
