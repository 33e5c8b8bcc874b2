"""One change of an order, worked out before it is written: guard, version, events and what follows by itself.

Every writer of orders goes through `change`: a change without an event, an event without a change, a skipped number
and a transition that the machine does not know cannot be expressed (invariants I3, I4, I9).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from waybill_orders.domain.order import Order
from waybill_orders.domain.snapshot import snapshot
from waybill_orders.domain.states import Status, require_transition


@dataclass(frozen=True)
class Happening:
    """What happened, `<entity>.<verb in the past>` as in `payment.captured`, and its own part of the event's data."""

    type: str
    details: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class OrderEvent:
    """One event to append: `sequence` is the version it brought the order to, `data` the snapshot at that version."""

    type: str
    sequence: int
    data: Mapping[str, object]


@dataclass(frozen=True)
class Change:
    """What to write: the order as it was locked, as it is to be, and the events between the two."""

    before: Order | None
    after: Order
    events: tuple[OrderEvent, ...]
    actor: str


def change(before: Order, after: Order, happenings: Sequence[Happening], *, actor: str, at: datetime) -> Change:
    """Return the change from `before` to `after` by these happenings, with what follows by itself.

    `after` is `before` with other amounts, lines or status; its version is worked out here. A pending order whose
    money covers what is due becomes confirmed, a confirmed one that is delivered and settled becomes completed, each
    with its own event. Raises InvalidTransitionError for a status that may not follow, ValueError for a change
    without a happening.
    """
    if not happenings:
        raise ValueError("a change of an order needs at least one event")
    if after.status is not before.status:
        require_transition(before.status, after.status)
    order, events = _advance(replace(after, version=before.version, updated_at=at), happenings)
    return Change(before=before, after=order, events=events, actor=actor)


def place(order: Order, *, actor: str) -> Change:
    """Return the first change of an order that is `pending` at version 0; one that owes nothing is confirmed."""
    placed, events = _advance(order, (Happening("order.placed"),))
    return Change(before=None, after=placed, events=events, actor=actor)


def _advance(order: Order, happenings: Sequence[Happening]) -> tuple[Order, tuple[OrderEvent, ...]]:
    events: list[OrderEvent] = []
    for happening in happenings:
        order = _step(order, happening, events)
    if order.status is Status.PENDING and order.is_covered:
        order = _step(replace(order, status=Status.CONFIRMED), Happening("order.confirmed"), events)
    if order.status is Status.CONFIRMED and order.is_finished:
        order = _step(replace(order, status=Status.COMPLETED), Happening("order.completed"), events)
    return order, tuple(events)


def _step(order: Order, happening: Happening, events: list[OrderEvent]) -> Order:
    numbered = order.at_version(order.version + 1)
    events.append(OrderEvent(happening.type, numbered.version, {**snapshot(numbered), **happening.details}))
    return numbered
