"""Publishing to RabbitMQ in batches: every message confirmed, or the batch fails."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pika
from pika.exceptions import ChannelClosedByBroker, ShortStringTooLong, UnsupportedAMQPFieldException

from waybill_common.messaging.broker import (
    BrokerUnavailableError,
    Message,
    Outgoing,
    PublishBlockedError,
    PublishNackedError,
    PublishRefusedError,
    PublishReturnedError,
    PublishTimeoutError,
)
from waybill_common.messaging.rabbitmq_connection import (
    ChannelFate,
    close_politely,
    cut,
    on_blocked,
    open_connection,
    socket_of,
    transfer,
    unavailable,
    use_confirms,
)

CONFIRM_TIMEOUT_SECONDS = 20.0
_PERSISTENT = 2


class RabbitPublisher:
    """One connection with one channel in confirm mode; for one thread alone."""

    def __init__(self, url: str, confirm_timeout_seconds: float = CONFIRM_TIMEOUT_SECONDS) -> None:
        """Connect; raises BrokerUnavailableError."""
        self._timeout_seconds = confirm_timeout_seconds
        self._published = 0  # the broker numbers messages in confirm mode by the order of publishing, from 1
        self._sent: list[str] = []  # ids since the last wait
        self._pending: dict[int, str] = {}
        self._nacked: list[str] = []
        self._returned: list[tuple[str, str]] = []
        self._is_blocked = False
        self._connection = open_connection(url, "waybill publisher")
        on_blocked(self._connection, self._set_blocked)
        with unavailable("cannot open a publishing channel"):
            self._channel = self._connection.channel()
            self._fate = ChannelFate(self._channel)
            self._inner = use_confirms(self._channel, self._on_confirm, self._on_return)

    @property
    def blocked(self) -> bool:
        """The broker said `connection.blocked` and not yet `unblocked`."""
        return self._is_blocked

    def publish(self, batch: Sequence[Outgoing]) -> None:
        """Send all, then wait for every confirm, 20 s at most; see the Publisher port for the errors."""
        self.send(batch)
        self.wait()

    def send(self, batch: Sequence[Outgoing]) -> None:
        """Send as much as the socket takes now; the rest goes while we wait."""
        if self._channel.is_closed:
            raise BrokerUnavailableError("the publisher is of no more use after an error")
        with self._refusals():
            for outgoing in batch:
                self._send(outgoing)
            self._transfer(lambda: False, 0)

    def wait(self, *, while_blocked: bool = True) -> None:
        """Wait for every confirm, 20 s at most; see the Publisher port for the errors."""
        try:
            with self._refusals():
                self._wait_for_confirms(while_blocked)
            if self._nacked:
                text = f"the broker refused {len(self._nacked)} of {len(self._sent)}"
                raise PublishNackedError(text, self._nacked)
            if self._returned:
                text = f"{len(self._returned)} of {len(self._sent)} reached no queue: {self._returned[0][1]}"
                raise PublishReturnedError(text, [message_id for message_id, _ in self._returned])
        finally:
            for noted in (self._sent, self._pending, self._nacked, self._returned):
                noted.clear()

    def fileno(self) -> int:
        """The socket's descriptor; raises BrokerUnavailableError when the connection is closed."""
        own = socket_of(self._connection)
        if own is None:
            raise BrokerUnavailableError("the publisher's connection is closed")
        return own.fileno()

    def tick(self) -> None:
        """Process what arrived: heartbeats, blocked, unblocked; raises BrokerUnavailableError."""
        try:
            with unavailable("connection lost while idle"):
                self._transfer(lambda: False, 0)
        except ChannelClosedByBroker as error:
            raise BrokerUnavailableError(f"the broker closed the publishing channel: {error!r}") from error

    def close(self) -> None:
        """Close; a blocked broker does not read, so that connection is cut instead."""
        if self._is_blocked:
            cut(self._connection)
        else:
            close_politely(self._connection)

    def _send(self, outgoing: Outgoing) -> None:
        message = outgoing.message
        try:
            self._inner.basic_publish(
                exchange=outgoing.exchange,
                routing_key=outgoing.routing_key,
                body=message.body,
                properties=_properties(message),
                mandatory=True,
            )
        except (ShortStringTooLong, UnsupportedAMQPFieldException) as error:
            cut(self._connection)
            raise PublishRefusedError(501, f"cannot be encoded: {error!r}", [message.message_id]) from error
        self._published += 1
        self._pending[self._published] = message.message_id
        self._sent.append(message.message_id)

    @contextmanager
    def _refusals(self) -> Iterator[None]:
        """Name what broke: the line, or the broker's refusal of something that was sent."""
        try:
            with unavailable("connection lost while publishing"):
                yield
        except ChannelClosedByBroker as error:
            raise PublishRefusedError(error.reply_code, error.reply_text, self._sent) from error

    def _wait_for_confirms(self, while_blocked: bool) -> None:
        self._transfer(
            lambda: not self._pending or (self._is_blocked and not while_blocked), seconds=self._timeout_seconds
        )
        if not self._pending:
            return
        missing = list(self._pending.values())
        if self._is_blocked and not while_blocked:
            raise PublishBlockedError(f"the broker is blocked (memory or disk alarm) over {len(missing)}", missing)
        cut(self._connection)
        blocked = ", the broker is blocked (memory or disk alarm)" if self._is_blocked else ""
        raise PublishTimeoutError(f"{len(missing)} confirms missing after {self._timeout_seconds} s{blocked}", missing)

    def _transfer(self, is_done: Callable[[], bool], seconds: float) -> None:
        transfer(self._connection, lambda: self._fate.is_sealed or is_done(), seconds)
        self._fate.check()

    def _on_confirm(self, frame: Any) -> None:
        method = frame.method
        last = method.delivery_tag
        for tag in [tag for tag in self._pending if tag <= last] if method.multiple else [last]:
            message_id = self._pending.pop(tag, None)
            if message_id is not None and isinstance(method, pika.spec.Basic.Nack):
                self._nacked.append(message_id)

    def _on_return(self, _channel: Any, method: Any, properties: Any, _body: bytes) -> None:
        self._returned.append((properties.message_id, f"{method.reply_code} {method.reply_text}"))

    def _set_blocked(self, blocked: bool) -> None:
        self._is_blocked = blocked


def _properties(message: Message) -> pika.BasicProperties:
    return pika.BasicProperties(
        content_type=message.content_type,
        delivery_mode=_PERSISTENT,
        headers=dict(message.headers),
        message_id=message.message_id,
        timestamp=message.timestamp,
        type=message.type or None,
        app_id=message.app_id or None,
    )
