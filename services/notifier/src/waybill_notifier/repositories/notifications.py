"""The inbox of each user."""

from typing import Any

import sqlalchemy as sa

from waybill_notifier.domain.errors import NotificationNotFoundError
from waybill_notifier.domain.notification import NewNotification, Notification
from waybill_notifier.models.tables import notification

COLUMNS = (
    notification.c.id,
    notification.c.template,
    notification.c.order_id,
    notification.c.facts,
    notification.c.occurred_at,
    notification.c.created_at,
    notification.c.read_at,
)


def notification_of(row: Any) -> Notification:
    """Make a notification of a row of COLUMNS."""
    return Notification(*row)


class NotificationRepository:
    """Notifications of one transaction."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def add(self, new: NewNotification) -> None:
        """Write one."""
        values = {name: getattr(new, name) for name in NewNotification.__dataclass_fields__}
        self._connection.execute(notification.insert().values(**values))

    def mark_read(self, notification_id: str, user_id: str) -> Notification:
        """Note the first time it was read; raises NotificationNotFoundError, also for another user's."""
        statement = (
            notification.update()
            .where(notification.c.id == notification_id, notification.c.user_id == user_id)
            .values(read_at=sa.func.coalesce(notification.c.read_at, sa.func.now()))
            .returning(*COLUMNS)
        )
        row = self._connection.execute(statement).one_or_none()
        if row is None:
            raise NotificationNotFoundError(notification_id)
        return notification_of(row)
