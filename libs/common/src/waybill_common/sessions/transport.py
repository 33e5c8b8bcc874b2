"""The wire: a requests session with its own adapter, whose every read ends at the deadline.

A socket timeout bounds one `recv`; a peer that sends a byte now and then can hold a thread for hours within it. Here
each read of head and body gets what is left of the deadline in hand (`deadline.py`), TLS included.
"""

import http.client
import io
import socket
import time
from http.cookiejar import DefaultCookiePolicy
from typing import Any

import requests
import urllib3
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.util import Retry

from waybill_common.sessions.deadline import remaining_seconds


class _DeadlineReader(io.RawIOBase):
    """Reads a socket, each time with the shorter of its timeout and what the deadline leaves."""

    def __init__(self, sock: socket.socket, raw: io.RawIOBase) -> None:
        super().__init__()
        self._sock = sock
        self._raw = raw
        self._timeout = sock.gettimeout()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left = remaining_seconds()
        if left is not None:
            if left <= 0:
                raise TimeoutError("the deadline passed before the whole answer was read")
            self._sock.settimeout(left if self._timeout is None else min(left, self._timeout))
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()


class _DeadlineResponse(http.client.HTTPResponse):
    """http.client's response on a deadline reader."""

    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        # makefile() counts as a user of the socket, so its raw part stays below ours and is closed with it.
        raw = self.fp.detach()
        self.fp = io.BufferedReader(_DeadlineReader(sock, raw))


class _FreshConnection:
    """Mixin: a pooled connection that was idle longer than `idle_seconds` counts as dropped.

    Servers close idle connections; one that does so while a request is on its way costs that request, and a POST
    without a key cannot be repeated. Ours keep them for 75 s.
    """

    idle_seconds = 30.0
    _used_at = 0.0

    @property
    def is_connected(self) -> bool:
        if time.monotonic() - self._used_at > self.idle_seconds:
            return False
        return bool(super().is_connected)  # type: ignore[misc]

    def getresponse(self) -> Any:
        answer = super().getresponse()  # type: ignore[misc]
        self._used_at = time.monotonic()
        return answer


class _PlainConnection(_FreshConnection, HTTPConnection):
    response_class = _DeadlineResponse


class _TlsConnection(_FreshConnection, HTTPSConnection):
    response_class = _DeadlineResponse


class _PlainPool(HTTPConnectionPool):
    ConnectionCls = _PlainConnection


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _TlsConnection


class _Adapter(HTTPAdapter):
    """One pool for one peer; urllib3 neither retries nor follows anything."""

    def __init__(self, pool_size: int) -> None:
        super().__init__(pool_connections=1, pool_maxsize=pool_size, max_retries=Retry(0, redirect=0, read=False))

    def init_poolmanager(self, connections: int, maxsize: int, block: bool = False, **options: Any) -> None:
        self.poolmanager = urllib3.PoolManager(num_pools=connections, maxsize=maxsize, block=block, **options)
        self.poolmanager.pool_classes_by_scheme = {"http": _PlainPool, "https": _TlsPool}

    def close(self) -> None:
        # urllib3 leaves this to the garbage collector, and the peer waits for it.
        for key in self.poolmanager.pools.keys():  # noqa: SIM118 - its container refuses plain iteration
            self.poolmanager.pools[key].close()
        super().close()


def make_session(pool_size: int) -> requests.Session:
    """Return a session that reads no environment (proxies, netrc), keeps no cookie and speaks only to one peer."""
    session = requests.Session()
    session.trust_env = False
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    session.adapters.clear()
    adapter = _Adapter(pool_size)
    session.mount("http://", adapter)
    session.mount("https://", adapter)
    # A compressed answer could unfold to any size before a limit sees it.
    session.headers.update({"Accept-Encoding": "identity", "Accept": "application/json", "User-Agent": "waybill"})
    return session
