"""Note that a user has read a notification of his."""

from collections.abc import Callable
from dataclasses import dataclass

from waybill_common.idempotency import Answer, KeyRequest

from waybill_notifier.domain.notification import Notification
from waybill_notifier.use_cases.ports import UnitOfWorkFactory


@dataclass(frozen=True)
class ReadNotification:
    """Which notification, who read it, and the key where one was sent."""

    notification_id: str
    user_id: str
    key: KeyRequest | None


def read_notification(
    command: ReadNotification, render: Callable[[Notification], bytes], unit_of_work: UnitOfWorkFactory
) -> Answer:
    """Mark it read, once; raises NotificationNotFoundError, also for another user's notification.

    The key is optional: reading twice changes nothing.
    """
    with unit_of_work() as work:
        if command.key is not None and (known := work.claim_key(command.key)) is not None:
            return known
        answer = Answer(200, render(work.notifications.mark_read(command.notification_id, command.user_id)))
        if command.key is not None:
            work.store_answer(command.key, answer)
        return answer
