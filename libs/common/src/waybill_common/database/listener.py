"""The other end of the doorbell: LISTEN on a direct connection, woken in well under a millisecond."""

import select
import time
from collections.abc import Sequence

import psycopg2
import psycopg2.extensions

from waybill_common.database.engine import EngineOptions, connect_raw
from waybill_common.telemetry import get_logger

_RECONNECT_SECONDS = 1.0
_CHECK_SECONDS = 20.0
_log = get_logger(__name__)


class Listener:
    """Waits for a ring on any of its channels, or for a time to pass; replaces its own connection when it breaks.

    Needs a direct connection: LISTEN does not work through PgBouncer's transaction mode. A connection that is
    silently dead is found by a query every 20 s; until then the caller's poll interval bounds the delay.
    """

    def __init__(self, url: str, channels: Sequence[str], application_name: str) -> None:
        self._url = url
        self._channels = tuple(channels)
        self._options = EngineOptions(application_name=f"{application_name}-listener")
        self._connection: psycopg2.extensions.connection | None = None
        self._next_connect = 0.0
        self._next_check = 0.0

    def wait(self, timeout_seconds: float, *extra_sockets: int) -> bool:
        """Return True when a ring came (or an extra socket became readable), False after the timeout.

        Returns True right after a reconnect, because rings may have been missed.
        """
        try:
            if self._connection is None and not self._connect():
                return _readable(extra_sockets, timeout_seconds)
            return self._wait(timeout_seconds, extra_sockets)
        except (psycopg2.Error, OSError) as error:
            _log.warning("listener_lost", error=str(error))
            self.close()
            return _readable(extra_sockets, min(timeout_seconds, _RECONNECT_SECONDS))

    def close(self) -> None:
        """Close the connection; the next wait opens another."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()
        self._next_connect = time.monotonic() + _RECONNECT_SECONDS

    def _connect(self) -> bool:
        if time.monotonic() < self._next_connect:
            return False
        try:
            self._connection = connect_raw(self._url, self._options)
        finally:
            self._next_connect = time.monotonic() + _RECONNECT_SECONDS
        with self._connection.cursor() as cursor:
            for channel in self._channels:
                cursor.execute(f'LISTEN "{channel}"')
        self._next_check = time.monotonic() + _CHECK_SECONDS
        self._connection.notifies.append(psycopg2.extensions.Notify(0, "reconnected"))
        return True

    def _wait(self, timeout_seconds: float, extra_sockets: Sequence[int]) -> bool:
        connection = self._connection
        assert connection is not None
        if time.monotonic() >= self._next_check:
            with connection.cursor() as cursor:
                cursor.execute("SELECT 1")
            self._next_check = time.monotonic() + _CHECK_SECONDS
        if not connection.notifies:
            ready = _readable((connection.fileno(), *extra_sockets), timeout_seconds)
            connection.poll()
            rung = bool(connection.notifies) or (ready and bool(extra_sockets))
        else:
            rung = True
        connection.notifies.clear()
        return rung


def _readable(sockets: Sequence[int], timeout_seconds: float) -> bool:
    return bool(select.select(list(sockets), [], [], max(0.0, timeout_seconds))[0])
