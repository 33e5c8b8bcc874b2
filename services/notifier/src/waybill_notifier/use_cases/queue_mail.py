"""Turn an event into a notification, a ledger row and a job, once; no mail is sent here."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from waybill_common.ids import new_id
from waybill_common.jobs import NewJob

from waybill_notifier.domain.delivery import NewDelivery
from waybill_notifier.domain.kinds import CHANNEL_EMAIL, MailKind, lane_of
from waybill_notifier.domain.letter import message_id_of
from waybill_notifier.domain.notification import NewNotification
from waybill_notifier.use_cases.ports import UnitOfWorkFactory

DELIVER_JOB = "deliver"


@dataclass(frozen=True)
class QueueMail:
    """An event that a user gets a mail about; `subject` orders mails among themselves (an order, or the user)."""

    event_id: str
    kind: MailKind
    recipient: str
    subject: str
    order_id: str | None
    facts: Mapping[str, Any]
    event_at: datetime
    expires_at: datetime


def queue_mail(command: QueueMail, unit_of_work: UnitOfWorkFactory, mail_domain: str) -> bool:
    """Write notification, delivery and lane rows in the transaction that claims the event.

    Returns False when the event was handled before.
    """
    notification_id, delivery_id = new_id("ntf"), new_id("dlv")
    with unit_of_work() as work:
        if not work.claim_message(command.event_id):
            return False
        work.notifications.add(_notification(notification_id, command))
        work.deliveries.add(
            NewDelivery(
                id=delivery_id,
                notification_id=notification_id,
                event_id=command.event_id,
                template=command.kind.template,
                template_version=command.kind.version,
                recipient=command.recipient,
                channel=CHANNEL_EMAIL,
                order_id=command.order_id,
                message_id=message_id_of(delivery_id, mail_domain),
                event_at=command.event_at,
                expires_at=command.expires_at,
            )
        )
        lane = lane_of(command.recipient, command.subject)
        job_id = work.enqueue(NewJob(lane, DELIVER_JOB, {"delivery_id": delivery_id}))
        work.deliveries.set_job(delivery_id, job_id)
    return True


def _notification(notification_id: str, command: QueueMail) -> NewNotification:
    return NewNotification(
        id=notification_id,
        event_id=command.event_id,
        user_id=command.recipient,
        template=command.kind.template,
        order_id=command.order_id,
        facts=command.facts,
        occurred_at=command.event_at,
    )
