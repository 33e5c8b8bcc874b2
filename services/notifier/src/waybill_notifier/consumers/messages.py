"""Routes foreign events to what the notifier does with them; no I/O but its own database."""

from collections.abc import Callable
from datetime import timedelta

from waybill_common.clock import parse_rfc3339
from waybill_common.messaging import EventRouter, Handling, IncomingEvent, PermanentMessageError

from waybill_notifier.consumers.payloads import moment, order_facts, text
from waybill_notifier.domain.kinds import BY_EVENT, BY_PURPOSE
from waybill_notifier.use_cases.apply_revocation import ApplyRevocation
from waybill_notifier.use_cases.queue_mail import QueueMail

MAIL_REQUESTED = "auth.mail.requested"
REVOCATIONS = ("auth.session.revoked", "auth.user.revoked")
_NEEDS = {
    "payment_received": "payment",
    "payment_failed": "payment",
    "order_shipped": "fulfillment",
    "order_delivered": "fulfillment",
    "order_refunded": "refund",
}


class Messages:
    """The notifier's reader of events; both callables answer False for an event that was handled before."""

    def __init__(
        self,
        queue_mail: Callable[[QueueMail], bool],
        apply_revocation: Callable[[ApplyRevocation], bool],
        order_mail_life: timedelta,
    ) -> None:
        self._queue_mail = queue_mail
        self._apply_revocation = apply_revocation
        self._order_mail_life = order_mail_life

    def router(self) -> EventRouter:
        """The handler of every event that means something here; all other types are ignored."""
        return EventRouter(
            {
                MAIL_REQUESTED: self.on_mail_requested,
                **dict.fromkeys(BY_EVENT, self.on_order_event),
                **dict.fromkeys(REVOCATIONS, self.on_revocation),
            }
        )

    def on_mail_requested(self, event: IncomingEvent) -> Handling:
        """A mail about an account; a purpose that has no mail (yet) is ignored, as an unknown type is."""
        kind = BY_PURPOSE.get(text(event.data, "purpose"))
        if kind is None:
            return Handling.IGNORED
        user_id = text(event.data, "user_id")
        command = QueueMail(
            event_id=event.id,
            kind=kind,
            recipient=user_id,
            subject=user_id,
            order_id=None,
            facts={"mail_request_id": text(event.data, "mail_request_id")},
            event_at=event.time,
            expires_at=parse_rfc3339(moment(event.data, "expires_at")),
        )
        return _handling(self._queue_mail(command))

    def on_order_event(self, event: IncomingEvent) -> Handling:
        """A mail about an order; `data` is the order's snapshot at that version."""
        kind = BY_EVENT[event.type]
        facts = order_facts(event.data)
        needed = _NEEDS.get(kind.template)
        if needed is not None and needed not in facts:
            raise PermanentMessageError("invalid_payload", f"{event.type} says nothing of its {needed}")
        order_id = text(event.data, "order_id")
        command = QueueMail(
            event_id=event.id,
            kind=kind,
            recipient=text(event.data, "customer_id"),
            subject=order_id,
            order_id=order_id,
            facts=facts,
            event_at=event.time,
            expires_at=event.time + self._order_mail_life,
        )
        return _handling(self._queue_mail(command))

    def on_revocation(self, event: IncomingEvent) -> Handling:
        """A session or user whose tokens are refused from now on."""
        try:
            return _handling(self._apply_revocation(ApplyRevocation(event.id, event.data)))
        except ValueError as error:
            raise PermanentMessageError("invalid_payload", str(error)) from error


def _handling(is_new: bool) -> Handling:
    return Handling.HANDLED if is_new else Handling.DUPLICATE
