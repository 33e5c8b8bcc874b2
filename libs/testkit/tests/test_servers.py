"""The testkit's servers: they die with their run, come back with their data, and unit tests reach none of them."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import psycopg2
import pytest
from waybill_testkit import processes
from waybill_testkit.postgres import PostgresOptions, PostgresServer
from waybill_testkit.shared import RunFolder
from waybill_testkit.sockets import SocketClosedError
from waybill_testkit.waiting import eventually, free_port


def build(url: str) -> None:
    connection = psycopg2.connect(url)
    with connection, connection.cursor() as cursor:
        cursor.execute("CREATE TABLE thing (id int)")
    connection.close()


def ask(url: str, question: str) -> object:
    connection = psycopg2.connect(url)
    try:
        with connection, connection.cursor() as cursor:
            cursor.execute(question)
            return cursor.fetchone()[0]
    finally:
        connection.close()


@pytest.mark.integration
def test_a_killed_postgres_comes_back_with_what_was_committed() -> None:
    server = PostgresServer(PostgresOptions(fsync=True))
    try:
        build(server.url())
        server.kill()
        with pytest.raises(psycopg2.OperationalError):
            psycopg2.connect(server.url())
        server.start()
        assert ask(server.url(), "SELECT count(*) FROM thing") == 0
        assert ask(server.url(), "SHOW fsync") == "on"
    finally:
        server.close()
    assert not processes.is_running(server.pid)
    assert not server.folder.exists()


@pytest.mark.integration
def test_a_server_dies_with_its_owner() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as owner:
        server = PostgresServer(PostgresOptions(owner_pid=owner.pid))
        owner.kill()
    try:
        eventually(lambda: not processes.is_running(server.pid))
    finally:
        server.close()


@pytest.mark.integration
def test_each_database_is_a_copy_of_the_template_built_once(fresh_database) -> None:
    built: list[str] = []

    def build_and_note(url: str) -> None:
        built.append(url)
        build(url)

    one, other = (fresh_database("testkit", build_and_note) for _ in range(2))
    assert one != other
    assert ask(one, "SELECT count(*) FROM thing") == ask(other, "SELECT count(*) FROM thing") == 0
    assert len(built) <= 1  # another worker may have built it


@pytest.mark.unit
@pytest.mark.parametrize(
    "way_out",
    [
        lambda: socket.create_connection(("127.0.0.1", 1)),
        lambda: socket.socket().connect(("127.0.0.1", 1)),
        lambda: psycopg2.connect("postgresql://127.0.0.1:1/x"),
    ],
)
def test_unit_tests_reach_nothing(way_out, recwarn) -> None:
    with pytest.raises(SocketClosedError):
        way_out()


@pytest.mark.unit
def test_a_record_is_made_once(tmp_path: Path) -> None:
    run = RunFolder(tmp_path, os.getpid())
    assert run.get("x") is None
    assert run.once("x", lambda: {"n": 1}) == run.once("x", lambda: {"n": 2}) == run.get("x") == {"n": 1}


@pytest.mark.integration
def test_a_free_port_can_be_listened_on() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", free_port()))
        listener.listen()


@pytest.mark.unit
def test_eventually_takes_an_assertion_for_not_yet_and_tells_the_last() -> None:
    tries = iter([False, True])

    def once_wrong() -> bool:
        assert next(tries), "not yet"
        return True

    assert eventually(once_wrong)
    with pytest.raises(AssertionError, match="last value 0"):
        eventually(lambda: 0, within_seconds=0)
