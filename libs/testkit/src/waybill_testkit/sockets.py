"""Closes sockets and databases in tests marked `unit`, so that a unit test stays one."""

from __future__ import annotations

import socket
from typing import Any, NoReturn

import psycopg2
import pytest


class SocketClosedError(RuntimeError):
    """A unit test tried to talk to something."""


def _refuse(*_arguments: Any, **_options: Any) -> NoReturn:
    raise SocketClosedError("a test marked `unit` opens no socket; mark it `integration` or give it a fake")


def close_sockets(patch: pytest.MonkeyPatch) -> None:
    """Make every way out raise SocketClosedError until `patch` is undone; socket pairs (asyncio) still work."""
    for name in ("connect", "connect_ex", "bind", "listen", "sendto"):
        patch.setattr(socket.socket, name, _refuse)
    for name in ("create_connection", "getaddrinfo", "gethostbyname"):
        patch.setattr(socket, name, _refuse)
    patch.setattr(psycopg2, "connect", _refuse)  # libpq does not go through Python's sockets
