"""What is wrong with the broker's queues: missing, unread, or holding what no queue was bound for."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from waybill_cli.sources.queues import QueueState


@dataclass(frozen=True)
class QueueFault:
    """One queue, what is wrong with it and what to do."""

    queue: str
    why: str
    do: str


def queue_faults(queues: Sequence[QueueState]) -> Iterator[QueueFault]:
    """The faults, queue by queue; messages on a rung of the retry ladder leave it by time and are none."""
    for queue in queues:
        service = queue.name.partition(".")[0]
        if queue.ready is None:
            do = "any process of the platform declares it again at its start"
            yield QueueFault(queue.name, "the queue does not exist: what is published for it is lost to it", do)
        elif queue.name == "waybill.unrouted":
            if queue.ready:
                do = "compare the event types with the bindings (contracts/events, topology.py)"
                yield QueueFault(queue.name, f"{queue.ready} messages that no queue is bound for", do)
        elif queue.wants_consumers and not queue.consumers:
            text = f"nobody reads it; {queue.ready} messages wait"
            yield QueueFault(queue.name, text, f"start {service}'s consumer; nothing is lost meanwhile")
