"""A stopped consumer and a broken network in front of RabbitMQ (messaging.md §13, rows 8 and 11), heartbeats short."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import sqlalchemy as sa
from waybill_common.messaging import connect_broker
from waybill_testkit.tcp_proxy import TcpProxy
from waybill_testkit.waiting import eventually

from .support import QUEUE, TOPOLOGY, Flow, message, publish
from .test_processes import process

pytestmark = pytest.mark.integration
HEARTBEAT = "heartbeat=2"


@pytest.fixture
def proxy(amqp_url: str) -> Iterator[TcpProxy]:
    parts = urlsplit(amqp_url)
    with TcpProxy(parts.hostname or "", parts.port or 5672) as proxy:
        yield proxy


def with_heartbeat(url: str) -> str:
    return f"{url}{'&' if urlsplit(url).query else '?'}{HEARTBEAT}"


@pytest.mark.parametrize("fault", [TcpProxy.reset, TcpProxy.black_hole])
def test_relay_and_consumer_come_back_from_a_broken_network_and_nothing_is_lost(
    amqp_url: str, proxy: TcpProxy, database_url: str, engine: sa.Engine, fault: object
) -> None:
    connect_broker(amqp_url).declare(TOPOLOGY)
    parts = urlsplit(amqp_url)
    address = parts.netloc.replace(f"{parts.hostname}:{parts.port}", f"127.0.0.1:{proxy.port}")
    flow = Flow(database_url, engine, connect_broker(with_heartbeat(parts._replace(netloc=address).geturl())))
    with flow.relaying(), flow.consuming():
        flow.append_numbered("usr_1", 10)
        eventually(lambda: flow.count("effect") == 10)
        assert fault(proxy) >= 2, "a publisher and a subscription at least"  # type: ignore[operator]
        flow.append_numbered("usr_1", 10, first=11)
        eventually(lambda: flow.count("effect") == 20, 60)
        eventually(lambda: flow.count("outbox") == 0, 60)
    assert sorted(flow.effects("usr_1")) == list(range(1, 21))  # type: ignore[type-var]
    assert flow.dead() == 0


def test_what_a_stopped_consumer_holds_is_handled_by_another_and_once(
    amqp_url: str, database_url: str, engine: sa.Engine, tmp_path: Path
) -> None:
    broker = connect_broker(amqp_url)
    broker.declare(TOPOLOGY)
    flow = Flow(database_url, engine, broker)
    publish(broker, message("usr_0"))
    with process("consume", flow, with_heartbeat(amqp_url), tmp_path / "log") as stopped:
        eventually(lambda: flow.count("effect") == 1)
        stopped.send_signal(signal.SIGSTOP)
        publish(broker, *[message("usr_1", number) for number in range(1, 6)])
        with flow.consuming():
            eventually(lambda: flow.count("effect") == 6, 60)
            stopped.send_signal(signal.SIGCONT)
            publish(broker, message("usr_2"))
            eventually(lambda: flow.count("effect") == 7)
            eventually(lambda: broker.depth(QUEUE) == 0)
        stopped.send_signal(signal.SIGTERM)
        assert stopped.wait(60) == 0, "it came back, and took a new line"
    assert sorted(flow.effects("usr_1")) == [1, 2, 3, 4, 5]  # type: ignore[type-var]
    assert flow.dead() == 0
