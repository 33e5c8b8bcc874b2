"""One rig per broker: the same tests run on RabbitMQ and on the embedded broker."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from waybill_common.messaging.brokers import connect_broker
from waybill_testkit.waiting import eventually

from .rig import Rig, small_topology, terminate_sessions


@pytest.fixture(params=["rabbitmq", "embedded"])
def broker_rig(request: pytest.FixtureRequest) -> Iterator[Rig]:
    """A rig without any topology."""
    if request.param == "embedded":
        url = request.getfixturevalue("fresh_database")()
        rig = Rig("embedded", connect_broker(url), lambda: terminate_sessions(url))
    else:
        url = request.getfixturevalue("amqp_url")
        management = request.getfixturevalue("rabbitmq").management
        vhost = urlsplit(url).path[1:]

        def cut() -> None:
            for connection in eventually(lambda: management.call("GET", f"/vhosts/{vhost}/connections")):
                management.close_connection(connection["name"])

        rig = Rig("rabbitmq", connect_broker(url), cut)
    yield rig
    rig.close()


@pytest.fixture
def rig(broker_rig: Rig) -> Rig:
    """A rig with the small topology."""
    broker_rig.broker.declare(small_topology())
    return broker_rig
