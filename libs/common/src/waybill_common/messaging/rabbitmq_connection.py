"""Opening, waiting on and cutting a pika connection: the one module that uses pika's private names.

pika 1.4.4 is pinned for it. `BlockingChannel` waits for the confirm of each message alone (520/s); its inner channel
takes a confirm callback and reaches 8,000-10,000/s in batches. When pika ships its thread-safe `Connection`, this
module is what changes.
"""

from __future__ import annotations

import contextlib
import logging
import select
import socket
import time
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pika
from pika.adapters.blocking_connection import BlockingChannel, BlockingConnection
from pika.exceptions import AMQPChannelError, AMQPError, ChannelClosedByBroker, ConnectionWrongStateError

from waybill_common.messaging.broker import BrokerUnavailableError

# A blocked publisher gives up after a minute and a dead peer is noticed after two heartbeats; pika's own defaults
# wait for ever. TCP notices a lost path while data is in flight after 15 s.
_SETTINGS: dict[str, Any] = {
    "heartbeat": 30,
    "blocked_connection_timeout": 60,
    "socket_timeout": 5,
    "stack_timeout": 10,
    "connection_attempts": 1,
    "tcp_options": {"TCP_USER_TIMEOUT": 15_000, "TCP_KEEPIDLE": 10, "TCP_KEEPINTVL": 5, "TCP_KEEPCNT": 3},
}
_CLOSE_SECONDS = 2.0


def open_connection(url: str, purpose: str) -> BlockingConnection:
    """A connection to the broker of `url`, named `purpose` in its lists; raises BrokerUnavailableError.

    What the url's query sets (`?heartbeat=60`) wins over the settings here.
    """
    # pika logs each lost connection with a traceback and whole bodies; all of it also reaches our caller as an error.
    logging.getLogger("pika").setLevel(logging.CRITICAL)
    parameters = pika.URLParameters(url)
    given = parse_qs(urlsplit(url).query)
    for name, value in _SETTINGS.items():
        if name not in given:
            setattr(parameters, name, value)
    parameters.client_properties = {"connection_name": purpose}
    with unavailable(f"cannot connect to {parameters.host}:{parameters.port}{parameters.virtual_host}"):
        return BlockingConnection(parameters)


@contextlib.contextmanager
def unavailable(doing: str) -> Iterator[None]:
    """Turn pika's and the socket's errors into BrokerUnavailableError, except a channel the broker closed."""
    try:
        yield
    except ChannelClosedByBroker:
        raise
    except (AMQPError, AMQPChannelError, OSError) as error:
        raise BrokerUnavailableError(f"{doing}: {error!r}") from error


def socket_of(connection: BlockingConnection) -> socket.socket | None:
    """The connection's socket, None when it is closed."""
    transport = getattr(connection._impl, "_transport", None)  # noqa: SLF001
    return getattr(transport, "_sock", None)


class ChannelFate:
    """Why a channel ended: pika raises the broker's reason once, and only to whom it happens to be waiting for I/O."""

    def __init__(self, channel: BlockingChannel) -> None:
        self._reason: Exception | None = None
        channel._impl.add_on_close_callback(self._on_close)  # noqa: SLF001

    @property
    def is_sealed(self) -> bool:
        """The channel is closed."""
        return self._reason is not None

    def check(self) -> None:
        """Raise the reason when the channel is closed: ChannelClosedByBroker, or what ended the connection."""
        if self._reason is not None:
            raise self._reason

    def _on_close(self, _channel: Any, reason: Exception) -> None:
        self._reason = reason


def transfer(connection: BlockingConnection, is_done: Callable[[], bool], seconds: float) -> None:
    """Write and read until `is_done`, or for so many seconds; raises what closed the connection meanwhile.

    pika's `process_data_events` first writes out everything, whatever its time limit: a broker that is blocked does
    not read, and a batch beyond the socket's buffer would hang in it for the whole `blocked_connection_timeout`.
    """
    impl, closed = connection._impl, connection._closed_result  # noqa: SLF001
    if connection.is_closed:
        raise ConnectionWrongStateError("the connection is closed")
    deadline: list[None] = []
    timer = impl.ioloop.call_later(seconds, lambda: deadline.append(None))
    try:
        while not (is_done() or deadline or closed.ready):
            impl.ioloop.poll()
            impl.ioloop.process_timeouts()
    finally:
        impl.ioloop.remove_timeout(timer)
    if closed.ready:
        error = closed.value.error
        connection._cleanup()  # noqa: SLF001  forgets the reason too
        raise error


def on_blocked(connection: BlockingConnection, set_blocked: Callable[[bool], None]) -> None:
    """Tell `set_blocked` at once when the broker says `connection.blocked` or `unblocked`."""
    impl = connection._impl  # noqa: SLF001  the outer one tells only from within `process_data_events`
    impl.add_on_connection_blocked_callback(lambda *_: set_blocked(True))
    impl.add_on_connection_unblocked_callback(lambda *_: set_blocked(False))


def use_confirms(channel: BlockingChannel, on_confirm: Callable[[Any], None], on_return: Callable[..., None]) -> Any:
    """Put `channel` in confirm mode with callbacks that run while I/O is processed; gives the inner channel.

    `on_confirm(frame)` sees `frame.method` as Basic.Ack or Basic.Nack; `on_return(channel, method, properties, body)`.
    """
    inner = channel._impl  # noqa: SLF001
    selected: list[Any] = []
    inner.add_on_return_callback(on_return)
    inner.confirm_delivery(on_confirm, selected.append)
    channel._flush_output(lambda: bool(selected))  # noqa: SLF001
    return inner


def stop_consumer(channel: BlockingChannel, consumer_tag: str) -> None:
    """Cancel without waiting, and without pika's habit to reject what arrives meanwhile, which would reorder it."""
    inner = channel._impl  # noqa: SLF001
    inner._send_method(pika.spec.Basic.Cancel(consumer_tag=consumer_tag, nowait=True))  # noqa: SLF001
    channel._flush_output()  # noqa: SLF001


def flush_acknowledgements(channel: BlockingChannel) -> None:
    """Return when the broker's channel has worked through all we sent, after two seconds at the latest.

    RabbitMQ kills the channel as soon as it sees the socket end, with acknowledgements that wait in its mailbox; an
    answer on the same channel proves that they were taken.
    """
    answered: list[Any] = []
    deadline = time.monotonic() + _CLOSE_SECONDS
    with contextlib.suppress(AMQPError, OSError):
        channel._impl.basic_qos(prefetch_count=1, callback=answered.append)  # noqa: SLF001  any request would do
        while not answered and channel.is_open and time.monotonic() < deadline:
            channel.connection.process_data_events(time_limit=0.01)


def close_politely(connection: BlockingConnection) -> None:
    """Close with the AMQP handshake, but cut when the broker does not answer within two seconds."""
    deadline = time.monotonic() + _CLOSE_SECONDS
    try:
        connection._impl.close(200, "done")  # noqa: SLF001
        while connection.is_open or connection._impl.is_closing:  # noqa: SLF001
            if time.monotonic() > deadline:
                break
            connection.process_data_events(time_limit=0.05)
    except (AMQPError, OSError):
        return
    finally:
        cut(connection)


def cut(connection: BlockingConnection) -> None:
    """Close the socket without a word of AMQP, after what was written has been read by the broker.

    The end of our stream comes first and the broker's answer is awaited: closing with unread deliveries in the buffer
    would send a reset, and a reset can swallow acknowledgements that are still under way.
    """
    own = socket_of(connection)
    if own is None:
        return
    with contextlib.suppress(OSError):
        own.shutdown(socket.SHUT_WR)
        deadline = time.monotonic() + _CLOSE_SECONDS
        while (rest := deadline - time.monotonic()) > 0:
            readable, _, _ = select.select([own], [], [], rest)
            if not readable or not own.recv(65_536):
                break
    with contextlib.suppress(AMQPError, OSError):
        own.shutdown(socket.SHUT_RDWR)
    with contextlib.suppress(AMQPError, OSError):
        # pika notices the end of the stream when it looks, closes the socket and frees its poller and timers; the first
        # look may end early over an event that was pending.
        for _ in range(5):
            if socket_of(connection) is not None:
                connection.process_data_events(time_limit=0.1)
