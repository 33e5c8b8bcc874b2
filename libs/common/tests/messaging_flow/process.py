"""A relay or consumer as a real process, so that a test can kill it; settings come in as arguments."""

from __future__ import annotations

import os
import signal
import sys

import sqlalchemy as sa
from prometheus_client import CollectorRegistry
from waybill_common.database import EngineOptions, make_engine
from waybill_common.messaging import (
    ConsumerOptions,
    ConsumerParts,
    Handling,
    Inbox,
    IncomingEvent,
    RelayOptions,
    connect_broker,
    run_consumer,
    run_relay,
)
from waybill_common.messaging.topology import TopologyOptions, build_topology
from waybill_common.settings import ServiceSettings

QUEUE = "orders.events.v1"
TOPOLOGY = build_topology(options=TopologyOptions(rung_ttl_ms={"5s": 60, "1m": 70, "10m": 80}, delivery_limit=2))


class Settings(ServiceSettings):
    service = "auth"


def main(role: str, database_url: str, broker_url: str, hooks: str, first_prefetch: str = "1") -> None:
    values = {"database_url": database_url, "amqp_url": broker_url, "fault_hooks": hooks}
    settings = Settings(**values)  # type: ignore[arg-type]
    if role == "relay":
        run_relay(settings, RelayOptions(topology=TOPOLOGY))
        return
    engine = make_engine(database_url, EngineOptions(application_name="consumer"))

    def handle(event: IncomingEvent) -> Handling | None:
        if event.subject == "usr_poison":
            os.kill(os.getpid(), signal.SIGKILL)
        with engine.begin() as connection:
            if not Inbox(connection).claim("test", event.id):
                return Handling.DUPLICATE
            statement = "INSERT INTO effect (message_id, subject, sequence) VALUES (:id, :subject, :sequence)"
            values = {"id": event.id, "subject": event.subject, "sequence": event.sequence}
            connection.execute(sa.text(statement), values)
        return None

    parts = ConsumerParts(
        queue=QUEUE,
        handler=handle,
        engine=engine,
        broker=connect_broker(broker_url),
        registry=CollectorRegistry(),
        options=ConsumerOptions(threads=1, poll_seconds=0.1, first_prefetch=int(first_prefetch), topology=TOPOLOGY),
    )
    run_consumer(settings, parts)


if __name__ == "__main__":
    main(*sys.argv[1:])
