"""The event contracts of the repository as tests use them: schemas, examples as messages, and what a service wrote."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from waybill_common.messaging.broker import Message
from waybill_common.messaging.events import LoggedEvent, build_envelope
from waybill_common.messaging.topology import SUBSCRIPTIONS, topic_matches

_LOG = sa.text(
    """
    SELECT event_id::text, type, schema_version, subject, sequence,
           to_char(occurred_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
           extract(epoch FROM occurred_at)::bigint, data::text,
           correlation_id, causation_id, traceparent, tracestate
    FROM event_log ORDER BY position
    """
)


@dataclass(frozen=True)
class Example:
    """One example of an event, as a broker would deliver it."""

    name: str
    type: str
    message: Message


class EventContracts:
    """`contracts/events` below the repository's root."""

    def __init__(self, root: Path) -> None:
        self._folder = root / "contracts" / "events"
        self.envelope: dict[str, Any] = json.loads((self._folder / "envelope.v1" / "schema.json").read_text())

    def schemas(self, producer: str) -> dict[str, dict[str, Any]]:
        """The schema of `data` by event type, `orders.order.placed`, of everything this service may write."""
        return {
            f"{producer}.{path.parent.name.rpartition('.v')[0]}": json.loads(path.read_text())
            for path in sorted((self._folder / producer).glob("*.v1/schema.json"))
        }

    def examples_for(self, queue: str) -> list[Example]:
        """Every example of every event that this queue is bound for."""
        return [
            example
            for path in sorted(self._folder.glob("*/*.v*/examples/*.json"))
            if any(topic_matches(pattern, (example := _example(path)).type) for pattern in SUBSCRIPTIONS[queue])
        ]


def written_envelopes(engine: sa.Engine) -> list[dict[str, Any]]:
    """What a relay would make of each row of the event log, in order."""
    with engine.connect() as connection:
        return [json.loads(build_envelope(LoggedEvent(*row))) for row in connection.execute(_LOG)]


def _example(path: Path) -> Example:
    body = path.read_bytes()
    envelope = json.loads(body)
    message = Message(routing_key=envelope["type"], body=body, message_id=envelope["id"])
    return Example(f"{path.parent.parent.name}/{path.stem}", envelope["type"], message)
