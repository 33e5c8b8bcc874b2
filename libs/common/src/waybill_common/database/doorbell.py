"""Wake-ups after commits, sent beside the business transaction and never inside it.

NOTIFY inside the transaction takes one cluster-wide lock through the commit and costs two thirds of the commits a
second at 32 clients; a separate connection that rings at most every 10 ms costs none of them.
"""

import threading
import time

import psycopg2
import psycopg2.extensions

from waybill_common.database.engine import EngineOptions, connect_raw
from waybill_common.telemetry import get_logger

CHANNEL_OUTBOX = "waybill_outbox"
CHANNEL_JOBS = "waybill_jobs"

_PAUSE_SECONDS = 0.01
_RECONNECT_SECONDS = 1.0
_log = get_logger(__name__)


class Doorbell:
    """Rings channels from a thread of its own; that thread starts at the first ring, so after the fork.

    A ring that cannot be sent is dropped: every listener also polls, so a lost wake-up costs at most a second.
    """

    def __init__(self, url: str, application_name: str) -> None:
        self._url = url
        self._options = EngineOptions(application_name=f"{application_name}-doorbell")
        self._lock = threading.Condition()
        self._waiting: set[str] = set()
        self._thread: threading.Thread | None = None
        self._closed = False

    def ring(self, channel: str) -> None:
        """Wake whoever listens on the channel; returns at once."""
        with self._lock:
            if self._closed:
                return
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="doorbell", daemon=True)
                self._thread.start()
            self._waiting.add(channel)
            self._lock.notify()

    def close(self) -> None:
        """Send what waits and end the thread."""
        with self._lock:
            self._closed = True
            self._lock.notify()
            thread = self._thread
        if thread is not None:
            thread.join(timeout=5)

    def _run(self) -> None:
        connection: psycopg2.extensions.connection | None = None
        while (channels := self._take()) is not None:
            try:
                if connection is None:
                    connection = connect_raw(self._url, self._options)
                with connection.cursor() as cursor:
                    for channel in channels:
                        cursor.execute("SELECT pg_notify(%s, '')", (channel,))
            except psycopg2.Error as error:
                _log.warning("doorbell_failed", error=str(error))
                if connection is not None:
                    connection.close()
                connection = None
                self._rest(_RECONNECT_SECONDS)
            time.sleep(_PAUSE_SECONDS)  # the rate limit itself, not a wait for anything
        if connection is not None:
            connection.close()

    def _take(self) -> set[str] | None:
        with self._lock:
            self._lock.wait_for(lambda: self._waiting or self._closed)
            if not self._waiting:
                return None
            channels, self._waiting = self._waiting, set()
            return channels

    def _rest(self, seconds: float) -> None:
        with self._lock:
            self._lock.wait_for(lambda: self._closed, timeout=seconds)
