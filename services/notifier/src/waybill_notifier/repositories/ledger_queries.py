"""What is read of the ledger and the inboxes: one row with its attempts, and keyset pages."""

from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from waybill_notifier.domain.delivery import DeliveryFilter, DeliveryView
from waybill_notifier.domain.errors import DeliveryNotFoundError, NotificationNotFoundError
from waybill_notifier.domain.notification import Notification
from waybill_notifier.models.tables import delivery, delivery_attempt, delivery_transition, notification
from waybill_notifier.repositories.notifications import COLUMNS, notification_of

_VIEW_COLUMNS = [
    delivery.c[name] for name in DeliveryView.__dataclass_fields__ if name not in {"attempts", "transitions"}
]
_ATTEMPTS = (
    sa.select(delivery_attempt)
    .where(delivery_attempt.c.delivery_id.in_(sa.bindparam("ids", expanding=True)))
    .order_by(delivery_attempt.c.delivery_id, delivery_attempt.c.number)
)
_TRANSITIONS = (
    sa.select(delivery_transition)
    .where(delivery_transition.c.delivery_id.in_(sa.bindparam("ids", expanding=True)))
    .order_by(delivery_transition.c.id)
)


def view_delivery(connection: sa.Connection, delivery_id: str) -> DeliveryView:
    """One delivery with attempts and transitions; raises DeliveryNotFoundError."""
    rows = connection.execute(sa.select(*_VIEW_COLUMNS).where(delivery.c.id == delivery_id)).mappings().all()
    views = _views(connection, rows)
    if not views:
        raise DeliveryNotFoundError(delivery_id)
    return views[0]


class LedgerQueries:
    """Reads of the web side, each on a connection of its own in autocommit."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine.execution_options(isolation_level="AUTOCOMMIT")

    def delivery(self, delivery_id: str) -> DeliveryView:
        """One delivery; raises DeliveryNotFoundError."""
        with self._engine.connect() as connection:
            return view_delivery(connection, delivery_id)

    def deliveries(self, wanted: DeliveryFilter, limit: int) -> list[DeliveryView]:
        """Newest first, at most `limit`."""
        statement = sa.select(*_VIEW_COLUMNS).order_by(delivery.c.id.desc()).limit(limit)
        if wanted.order_id is not None:
            statement = statement.where(delivery.c.order_id == wanted.order_id)
        if wanted.user_id is not None:
            statement = statement.where(delivery.c.recipient == wanted.user_id)
        if wanted.state is not None:
            statement = statement.where(delivery.c.state == wanted.state)
        if wanted.before is not None:
            statement = statement.where(delivery.c.id < wanted.before)
        with self._engine.connect() as connection:
            return _views(connection, connection.execute(statement).mappings().all())

    def notification(self, notification_id: str, user_id: str) -> Notification:
        """One of the user's own; raises NotificationNotFoundError."""
        statement = sa.select(*COLUMNS).where(notification.c.id == notification_id, notification.c.user_id == user_id)
        with self._engine.connect() as connection:
            row = connection.execute(statement).one_or_none()
        if row is None:
            raise NotificationNotFoundError(notification_id)
        return notification_of(row)

    def notifications(self, user_id: str, before: str | None, limit: int) -> list[Notification]:
        """The user's own, newest first, at most `limit`."""
        statement = sa.select(*COLUMNS).where(notification.c.user_id == user_id)
        if before is not None:
            statement = statement.where(notification.c.id < before)
        with self._engine.connect() as connection:
            rows = connection.execute(statement.order_by(notification.c.id.desc()).limit(limit)).all()
        return [notification_of(row) for row in rows]


def _views(connection: sa.Connection, rows: Sequence[Mapping[Any, Any]]) -> list[DeliveryView]:
    """Rows with their attempts and transitions: two more statements, however many rows."""
    if not rows:
        return []
    ids = {"ids": [row["id"] for row in rows]}
    attempts = connection.execute(_ATTEMPTS, ids).mappings().all()
    transitions = connection.execute(_TRANSITIONS, ids).mappings().all()
    return [
        DeliveryView(**_named(row), attempts=_of(row["id"], attempts), transitions=_of(row["id"], transitions))
        for row in rows
    ]


def _of(delivery_id: str, rows: Sequence[Mapping[Any, Any]]) -> list[Mapping[str, Any]]:
    return [_named(row) for row in rows if row["delivery_id"] == delivery_id]


def _named(row: Mapping[Any, Any]) -> dict[str, Any]:
    return {str(name): value for name, value in row.items()}
