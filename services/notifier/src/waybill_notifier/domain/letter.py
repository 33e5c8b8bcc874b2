"""A mail before it is bytes: what the renderer makes, and what the builder and the mailer take."""

import re
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid5

from waybill_notifier.domain.smtp_replies import FailureClass, SmtpReply, Stage

_MESSAGE_ID_NAMESPACE = UUID("5b1f6c1e-8f0c-4c55-9d5e-3a1f0f6a7d20")
_UNSAFE = re.compile(r"[\x00-\x1f\x7f\x85\u2028\u2029]")
MAX_SUBJECT = 150


class UnsendableError(Exception):
    """This mail can never be sent as it is; `reason` is a stable word for the ledger."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason


@dataclass(frozen=True)
class Recipient:
    """Whom a mail goes to, as auth answers; `timezone` is an IANA name or None."""

    email: str
    name: str | None
    locale: str | None
    timezone: str | None = None
    link: str | None = None
    """A one-time link, only for mails about a mail request; never stored."""
    expires_at: datetime | None = None


@dataclass(frozen=True)
class Rendered:
    """Subject and both bodies of a mail, from one context."""

    subject: str
    text: str
    html: str
    locale: str
    """The language that was rendered, which may differ from the one asked for."""


@dataclass(frozen=True)
class Letter:
    """One mail to one recipient, ready for the builder."""

    delivery_id: str
    to: str
    rendered: Rendered
    category: str
    order_id: str | None


class SendError(Exception):
    """An attempt failed at `stage`; `reply` is the server's answer, None when there was none."""

    def __init__(self, stage: Stage, failure: FailureClass, reply: SmtpReply | None, detail: str) -> None:
        super().__init__(detail)
        self.stage = stage
        self.failure = failure
        self.reply = reply


class ProviderClosedError(Exception):
    """The provider is not to be bothered for `wait_seconds`; the delivery waits without burning an attempt."""

    def __init__(self, wait_seconds: float, *, is_configuration: bool) -> None:
        super().__init__(f"The mail provider is not used for {wait_seconds:.1f} s.")
        self.wait_seconds = wait_seconds
        self.is_configuration = is_configuration


def message_id_of(delivery_id: str, mail_domain: str) -> str:
    """The Message-ID of every attempt of one delivery (messaging.md §11.2)."""
    return f"<{uuid5(_MESSAGE_ID_NAMESPACE, delivery_id)}@{mail_domain}>"


def thread_id_of(order_id: str, mail_domain: str) -> str:
    """The id that all mails of one order refer to, so that they stand together in a mailbox."""
    return f"<order.{order_id}@{mail_domain}>"


def checked_subject(subject: str) -> str:
    """Return the subject if it may stand in a header: ≤ 150 characters, no control character, no `=?`.

    Raises UnsendableError. Values from outside are tamed before; this is the wall behind that.
    """
    if not subject or len(subject) > MAX_SUBJECT:
        raise UnsendableError("bad_subject", f"A subject has 1 to {MAX_SUBJECT} characters, this one {len(subject)}.")
    if _UNSAFE.search(subject) or "=?" in subject:
        raise UnsendableError("bad_subject", "A subject holds no control characters and no encoded words.")
    return subject
