"""PostgreSQL as a child: made once, kept over restarts, recovered after a kill."""

import os
import signal

import psycopg2
import pytest
from waybill_standalone.home import Home
from waybill_standalone.ports import free_port
from waybill_standalone.processes.supervisor import Supervisor
from waybill_standalone.servers.child import Child
from waybill_standalone.servers.postgres import PostgresServer
from waybill_testkit.waiting import eventually

pytestmark = pytest.mark.integration


@pytest.fixture
def server(tmp_path):
    return PostgresServer(tmp_path / "postgres", free_port(), "a-password", {})


def _start(server, tmp_path):
    child = Child(server.program(), tmp_path / "postgres.log")
    eventually(server.accepts)
    return child


def test_data_is_kept_over_a_kill_and_strangers_are_refused(server, tmp_path):
    child = _start(server, tmp_path)
    url = server.ensure_database("shop")
    connection = psycopg2.connect(url)
    connection.autocommit = True
    connection.cursor().execute("CREATE TABLE kept AS SELECT 42 AS answer")
    connection.close()
    with pytest.raises(psycopg2.OperationalError, match="password"):
        psycopg2.connect(url.replace("a-password", "a-guess"))
    child.kill()
    child = _start(server, tmp_path)
    assert server.ensure_database("shop") == url
    connection = psycopg2.connect(url)
    with connection.cursor() as cursor:
        cursor.execute("SELECT answer FROM kept")
        assert cursor.fetchone() == (42,)
    connection.close()
    child.ask_to_stop()
    assert child.wait_until_stopped(30)


def test_a_pid_file_that_names_a_stranger_is_cleared(server, tmp_path):
    child = _start(server, tmp_path)
    child.kill()
    pid_file = server.data / "postmaster.pid"
    lines = pid_file.read_text().splitlines()
    pid_file.write_text("\n".join(["1", *lines[1:]]) + "\n")
    child = _start(server, tmp_path)
    child.ask_to_stop()
    assert child.wait_until_stopped(30)


def test_a_supervised_server_comes_back(server, tmp_path):
    home = Home(tmp_path / "home")
    supervisor = Supervisor(home)
    supervisor.start([server.program()])
    pid = int((server.data / "postmaster.pid").read_text().splitlines()[0])
    os.kill(pid, signal.SIGQUIT)
    eventually(lambda: not server.accepts())

    def back():
        supervisor.look()
        return server.accepts()

    assert eventually(back)
    supervisor.stop()
    home.close()
