"""The ledger of deliveries: rows, moves between states, and what staff see of them."""

from dataclasses import asdict

import sqlalchemy as sa
from waybill_common.messaging import NewEvent, append_events

from waybill_notifier.domain.delivery import Counts, Delivery, Move, NewDelivery
from waybill_notifier.domain.errors import DeliveryNotFoundError
from waybill_notifier.domain.states import State, guard_transition
from waybill_notifier.models.tables import delivery, notification

_READ = (
    sa.select(delivery, notification.c.facts, sa.func.clock_timestamp().label("now"))
    .join(notification, notification.c.id == delivery.c.notification_id)
    .where(delivery.c.id == sa.bindparam("id"))
    .with_for_update(of=delivery)
)


# Written as SQL: each mail makes these moves twice or more, and building them anew costs a millisecond of CPU a mail.
_MOVE = sa.text(
    """
    WITH moved AS (
        UPDATE delivery SET state = :to, reason = :reason, attempts = :attempts, waits = :waits,
            protocol_failures = :protocol_failures, ambiguities = :ambiguities, updated_at = now(),
            next_attempt_at = clock_timestamp() + make_interval(secs => CAST(:wait AS double precision))
        WHERE id = :id RETURNING id
    )
    INSERT INTO delivery_transition (delivery_id, from_state, to_state, reason, cause, actor)
    SELECT id, :from, :to, :reason, :cause, :actor FROM moved
    """
)
_POSTPONE = sa.text(
    "UPDATE delivery SET reason = :reason, waits = waits + 1, updated_at = now(), "
    "next_attempt_at = clock_timestamp() + make_interval(secs => :wait) WHERE id = :id"
)
_SET_JOB = sa.text("UPDATE delivery SET job_id = :job_id WHERE id = :id")


_NEWS = {State.SENT: "sent", State.FAILED: "failed", State.EXHAUSTED: "failed", State.SUPPRESSED: "suppressed"}
"""State → `notifier.notification.…` of the event log; no queue is bound for them yet, so nothing is published."""


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
        self._connection.execute(_SET_JOB, {"id": delivery_id, "job_id": job_id})

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
        """The one way to another state: guarded, written down as a transition, and told where it is the outcome.

        Raises InvalidTransitionError.
        """
        guard_transition(current.state, move.to, move.cause)
        values = {
            "id": current.id,
            "from": current.state,
            "to": move.to,
            "reason": move.reason,
            "wait": move.wait_seconds,
            "cause": move.cause,
            "actor": move.actor,
        }
        counts = move.counts or current.counts
        self._connection.execute(_MOVE, values | asdict(counts))
        if move.to in _NEWS:
            self._tell(current, move, counts)

    def postpone(self, current: Delivery, reason: str, wait_seconds: float) -> None:
        """Wait without an attempt and without a change of state."""
        self._connection.execute(_POSTPONE, {"id": current.id, "reason": reason, "wait": wait_seconds})

    def let_override_suppression(self, delivery_id: str) -> None:
        """Send this one mail although its address is suppressed."""
        self._connection.execute(
            delivery.update().where(delivery.c.id == delivery_id).values(overrides_suppression=True)
        )

    def _tell(self, current: Delivery, move: Move, counts: Counts) -> None:
        data = {
            "delivery_id": current.id,
            "template": current.template,
            "recipient": current.recipient,
            "order_id": current.order_id,
            "state": move.to,
            "reason": move.reason,
            "attempts": counts.attempts,
        }
        event = NewEvent(f"notifier.notification.{_NEWS[move.to]}", current.id, data, actor=move.actor)
        append_events(self._connection, [event], publishes=False)
