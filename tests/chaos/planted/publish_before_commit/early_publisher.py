"""Publishes the events of an order that is about to be placed, as a service without an outbox would."""

import os
import threading

import orjson
from waybill_common.clock import rfc3339, utc_now
from waybill_common.messaging.broker import Outgoing
from waybill_common.messaging.brokers import connect_broker
from waybill_common.messaging.events import LoggedEvent, build_message
from waybill_common.telemetry import fault_point


def plant(module) -> None:
    """Publish in front of the module's own step, from the same command that will be committed or refused."""
    original = module.placement_json
    publishers, lock = [], threading.Lock()

    def publish_then_build(*arguments):
        command = original(*arguments)
        with lock:
            if not publishers:
                publishers.append(connect_broker(os.environ["WAYBILL_AMQP_URL"]).publisher())  # noqa: TID251
            publishers[0].publish([_outgoing(event) for event in orjson.loads(command)["events"]])
        fault_point("planted.after_publish")
        return command

    module.placement_json = publish_then_build


def _outgoing(event) -> Outgoing:
    message = build_message(
        LoggedEvent(
            id=event["id"],
            type=event["type"],
            subject=event["subject"],
            sequence=event["sequence"],
            time=rfc3339(now := utc_now()),
            epoch_seconds=int(now.timestamp()),
            data=orjson.dumps(event["data"]).decode(),
            schema_version=event["schema_version"],
        )
    )
    return Outgoing("waybill.events", event["type"], message)
