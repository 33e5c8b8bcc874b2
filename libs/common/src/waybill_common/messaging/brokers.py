"""Which broker stands behind a url: RabbitMQ, or the embedded one."""

from waybill_common.messaging.broker import Broker


def connect_broker(url: str) -> Broker:
    """The broker of `url`: `amqp://` or `amqps://` is RabbitMQ, `postgresql://` the embedded broker's database.

    No connection is made yet. Raises ValueError for another scheme.
    """
    scheme = url.partition("://")[0]
    if scheme in {"amqp", "amqps"}:
        from waybill_common.messaging.rabbitmq import RabbitBroker

        return RabbitBroker(url)
    if scheme in {"postgresql", "postgres"}:
        from waybill_common.messaging.embedded import EmbeddedBroker

        return EmbeddedBroker(url)
    raise ValueError(f"broker url has scheme {scheme!r}; use amqp://, amqps:// or postgresql://")
