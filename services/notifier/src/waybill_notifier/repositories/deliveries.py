"""The ledger of deliveries: rows, moves between states, and what staff see of them."""

from typing import Any

import sqlalchemy as sa

from waybill_notifier.domain.delivery import Counts, Delivery, Move, NewDelivery
from waybill_notifier.domain.errors import DeliveryNotFoundError
from waybill_notifier.domain.states import Cause, State, guard_transition
from waybill_notifier.models.tables import delivery, delivery_transition, notification

_READ = (
    sa.select(delivery, notification.c.facts, sa.func.clock_timestamp().label("now"))
    .join(notification, notification.c.id == delivery.c.notification_id)
    .where(delivery.c.id == sa.bindparam("id"))
    .with_for_update(of=delivery)
)


def seconds_from_now(seconds: float | None) -> sa.ColumnElement[Any]:
    """A moment by the database's clock; None stays null."""
    if seconds is None:
        return sa.null()
    return sa.func.clock_timestamp() + sa.func.make_interval(0, 0, 0, 0, 0, 0, seconds)


class DeliveryRepository:
    """Deliveries of one transaction."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def add(self, new: NewDelivery) -> None:
        """Write a queued delivery; the unique key is (event, template, recipient, channel)."""
        values = {name: getattr(new, name) for name in NewDelivery.__dataclass_fields__}
        counts = dict.fromkeys(Counts.__dataclass_fields__, 0)
        self._connection.execute(
            delivery.insert().values(**values, **counts, state=State.QUEUED, overrides_suppression=False)
        )

    def set_job(self, delivery_id: str, job_id: int) -> None:
        """Remember the job that delivers it."""
        self._change(delivery_id, job_id=job_id)

    def lock(self, delivery_id: str) -> Delivery:
        """Read the row, lock it until the transaction ends; raises DeliveryNotFoundError."""
        row = self._connection.execute(_READ, {"id": delivery_id}).one_or_none()
        if row is None:
            raise DeliveryNotFoundError(delivery_id)
        return Delivery(
            id=row.id,
            template=row.template,
            recipient=row.recipient,
            order_id=row.order_id,
            state=State(row.state),
            reason=row.reason,
            counts=Counts(row.attempts, row.protocol_failures, row.ambiguities, row.waits),
            next_attempt_at=row.next_attempt_at,
            expires_at=row.expires_at,
            event_at=row.event_at,
            created_at=row.created_at,
            overrides_suppression=row.overrides_suppression,
            job_id=row.job_id,
            facts=row.facts or {},
            now=row.now,
        )

    def move(self, current: Delivery, move: Move) -> None:
        """The one way to another state: guarded, and written down as a transition; raises InvalidTransitionError."""
        guard_transition(current.state, move.to, move.cause)
        counts = move.counts or current.counts
        self._change(
            current.id,
            state=move.to,
            reason=move.reason,
            next_attempt_at=seconds_from_now(move.wait_seconds),
            attempts=counts.attempts,
            protocol_failures=counts.protocol_failures,
            ambiguities=counts.ambiguities,
            waits=counts.waits,
        )
        self._note_transition(current, move)

    def postpone(self, current: Delivery, reason: str, wait_seconds: float) -> None:
        """Wait without an attempt and without a change of state."""
        self._change(
            current.id,
            reason=reason,
            next_attempt_at=seconds_from_now(wait_seconds),
            waits=current.counts.waits + 1,
        )

    def let_override_suppression(self, delivery_id: str) -> None:
        """Send this one mail although its address is suppressed."""
        self._change(delivery_id, overrides_suppression=True)

    def _note_transition(self, current: Delivery, move: Move) -> None:
        self._connection.execute(
            delivery_transition.insert().values(
                delivery_id=current.id,
                from_state=current.state,
                to_state=move.to,
                reason=move.reason,
                cause=Cause(move.cause),
                actor=move.actor,
            )
        )

    def _change(self, delivery_id: str, **values: Any) -> None:
        self._connection.execute(
            delivery.update().where(delivery.c.id == delivery_id).values(**values, updated_at=sa.func.now())
        )
