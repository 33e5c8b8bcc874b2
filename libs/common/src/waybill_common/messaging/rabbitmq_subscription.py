"""Reading one RabbitMQ queue: deliveries are pushed into a deque and handed out in order."""

from __future__ import annotations

import contextlib
import time
from collections import deque
from typing import Any

from pika.exceptions import ChannelClosedByBroker

from waybill_common.messaging.broker import BrokerUnavailableError, Delivery, Message, SubscriptionCancelledError
from waybill_common.messaging.rabbitmq_connection import (
    ChannelFate,
    cut,
    flush_acknowledgements,
    open_connection,
    stop_consumer,
    unavailable,
)


class RabbitSubscription:
    """One connection with one channel and one consumer; for one thread alone."""

    def __init__(self, url: str, queue: str, prefetch: int) -> None:
        """Connect and consume; raises SubscriptionCancelledError without such a queue, BrokerUnavailableError."""
        self._queue = queue
        self._arrived: deque[Delivery] = deque()
        self._is_cancelled = False
        self._is_cancelled_by_broker = False
        self._connection = open_connection(url, f"waybill subscription {queue}")
        try:
            with unavailable(f"cannot consume {queue}"):
                self._channel = self._connection.channel()
                self._fate = ChannelFate(self._channel)
                self._channel.basic_qos(prefetch_count=prefetch)
                self._channel.add_on_cancel_callback(self._on_cancel)
                self._consumer_tag = self._channel.basic_consume(queue, self._on_message)
        except ChannelClosedByBroker as error:
            cut(self._connection)
            raise SubscriptionCancelledError(f"cannot consume {queue}: {error.reply_text}") from error

    def receive(self, limit: int, wait_seconds: float) -> list[Delivery]:
        """Up to `limit` deliveries in the broker's order; see the Subscription port."""
        if self._is_cancelled:
            self.tick()
            return []
        deadline = time.monotonic() + wait_seconds
        self._process(0)
        while not self._arrived and (rest := deadline - time.monotonic()) > 0:
            self._process(rest)
        return [self._arrived.popleft() for _ in range(min(limit, len(self._arrived)))]

    def ack(self, delivery: Delivery, multiple: bool = False) -> None:
        """Acknowledge; a wrong tag makes the broker close the channel, seen at the next call."""
        try:
            with unavailable(f"cannot acknowledge on {self._queue}"):
                self._channel.basic_ack(delivery.tag, multiple)
        except ChannelClosedByBroker as error:
            raise BrokerUnavailableError(f"channel of {self._queue} closed: {error.reply_text}") from error

    def waiting(self) -> int:
        """Ready messages of the queue, by a passive declare on the channel that reads it."""
        try:
            with unavailable(f"cannot count {self._queue}"):
                return int(self._channel.queue_declare(self._queue, passive=True).method.message_count)
        except ChannelClosedByBroker as error:
            raise BrokerUnavailableError(f"channel of {self._queue} closed: {error.reply_text}") from error

    def cancel(self) -> None:
        """Stop the flow; what arrived and was not handed out goes back when the connection ends."""
        if self._is_cancelled:
            return
        self._is_cancelled = True
        self._arrived.clear()
        try:
            with unavailable(f"cannot cancel on {self._queue}"):
                stop_consumer(self._channel, self._consumer_tag)
        except ChannelClosedByBroker as error:
            raise BrokerUnavailableError(f"channel of {self._queue} closed: {error.reply_text}") from error

    def tick(self) -> None:
        """Process what arrived, heartbeats included."""
        self._process(0)

    def close(self) -> None:
        """Cut: closing an AMQP channel or connection in order reorders what it returns (measured on 3.10.8)."""
        if self._connection.is_open and self._channel.is_open:
            with contextlib.suppress(BrokerUnavailableError):
                self.cancel()
            flush_acknowledgements(self._channel)
        cut(self._connection)

    def _process(self, seconds: float) -> None:
        try:
            with unavailable(f"connection of {self._queue} lost"):
                self._connection.process_data_events(time_limit=seconds)
                self._fate.check()
        except ChannelClosedByBroker as error:
            raise BrokerUnavailableError(f"channel of {self._queue} closed: {error.reply_text}") from error
        if self._is_cancelled_by_broker:
            raise SubscriptionCancelledError(f"the broker ended the subscription of {self._queue}")

    def _on_message(self, _channel: Any, method: Any, properties: Any, body: bytes) -> None:
        if self._is_cancelled:
            return
        headers = properties.headers or {}
        message = Message(
            routing_key=method.routing_key,
            body=body,
            message_id=properties.message_id or "",
            headers=headers,
            type=properties.type or "",
            timestamp=properties.timestamp,
            app_id=properties.app_id or "",
            content_type=properties.content_type or "",
        )
        count = int(headers.get("x-delivery-count", 0))
        self._arrived.append(Delivery(message, method.delivery_tag, method.redelivered, self._queue, count))

    def _on_cancel(self, _method_frame: Any) -> None:
        self._is_cancelled_by_broker = True
