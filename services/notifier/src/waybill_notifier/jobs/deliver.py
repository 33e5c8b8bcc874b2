"""Delivers one mail: look, ask auth, render, hand over, write down; no database connection is held in between."""

from collections.abc import Callable
from dataclasses import dataclass

from waybill_common.jobs import Done, JobRun, Outcome
from waybill_common.telemetry import get_logger

from waybill_notifier.domain.delivery import Delivery
from waybill_notifier.domain.directory import DirectoryUnavailableError, MailRequestExpiredError, RecipientGoneError
from waybill_notifier.domain.kinds import CHANNEL_EMAIL, RecipientSource
from waybill_notifier.domain.letter import Letter, ProviderClosedError, Recipient, SendError, UnsendableError
from waybill_notifier.domain.news import DeliveryNews
from waybill_notifier.domain.smtp_replies import SmtpReply
from waybill_notifier.domain.states import State
from waybill_notifier.use_cases.begin_attempt import begin_attempt
from waybill_notifier.use_cases.ports import DeliveryRules, Directory, Mailer, Renderer, UnitOfWorkFactory
from waybill_notifier.use_cases.record_acceptance import record_acceptance
from waybill_notifier.use_cases.record_failure import (
    Attempted,
    record_failure,
    record_not_tried,
    record_unsendable,
)
from waybill_notifier.use_cases.record_phase import record_phase
from waybill_notifier.use_cases.set_delivery_aside import SetAside, set_delivery_aside
from waybill_notifier.use_cases.signals import delivery_news
from waybill_notifier.use_cases.take_up_delivery import take_up_delivery

_log = get_logger(__name__)


@dataclass(frozen=True, kw_only=True)
class DeliverParts:
    """What delivering needs; `persist` repeats a transaction while the database is away."""

    unit_of_work: UnitOfWorkFactory
    directory: Directory
    renderer: Renderer
    mailer: Mailer
    rules: DeliveryRules
    persist: Callable[[Callable[[], Delivery]], Delivery]


@dataclass(frozen=True)
class _Prepared:
    letter: Letter
    address_hash: bytes


class Deliver:
    """The handler of `deliver` jobs."""

    def __init__(self, parts: DeliverParts) -> None:
        self._parts = parts

    def __call__(self, run: JobRun) -> Outcome:
        """Do what can be done now for the job's delivery; raises LeaseLostError."""
        delivery = take_up_delivery(run, self._closed(), self._parts.unit_of_work, self._parts.rules)
        if not isinstance(delivery, Delivery):
            return delivery
        prepared = self._prepare(run, delivery)
        if not isinstance(prepared, _Prepared):
            return prepared
        number = begin_attempt(run, prepared.address_hash, self._parts.unit_of_work)
        if not isinstance(number, int):
            return number
        return self._hand_over(run, prepared.letter, Attempted(number, prepared.address_hash))

    def _closed(self) -> ProviderClosedError | None:
        try:
            self._parts.mailer.check()
        except ProviderClosedError as closed:
            return closed
        return None

    def _prepare(self, run: JobRun, delivery: Delivery) -> _Prepared | Outcome:
        """Ask for the recipient and render; what stops here has cost no attempt."""
        try:
            recipient = self._recipient(delivery)
            rendered = self._parts.renderer.render(delivery.template, delivery.facts, recipient)
            address_hash = self._parts.rules.hash_address(recipient.email)
        except DirectoryUnavailableError as error:
            _log.warning("auth_unavailable", delivery_id=delivery.id, error=str(error))
            return self._set_aside(run, SetAside("auth_unavailable"))
        except MailRequestExpiredError:
            return self._set_aside(run, SetAside("expired", State.SKIPPED))
        except RecipientGoneError:
            return self._set_aside(run, SetAside("recipient_gone", State.FAILED))
        except UnsendableError as error:
            _log.error("mail_unsendable", delivery_id=delivery.id, reason=error.reason, error=str(error))
            return self._set_aside(run, SetAside(error.reason, State.FAILED))
        letter = Letter(delivery.id, recipient.email, rendered, delivery.kind.category, delivery.order_id)
        return _Prepared(letter, address_hash)

    def _recipient(self, delivery: Delivery) -> Recipient:
        if not delivery.facts:
            raise UnsendableError("facts_gone", "What this mail is made from is past its retention.")
        if delivery.kind.source is RecipientSource.MAIL_REQUEST:
            return self._parts.directory.mail_request(delivery.facts["mail_request_id"])
        return self._parts.directory.contact(delivery.recipient)

    def _set_aside(self, run: JobRun, aside: SetAside) -> Outcome:
        return set_delivery_aside(run, aside, self._parts.unit_of_work, self._parts.rules)

    def _hand_over(self, run: JobRun, letter: Letter, attempt: Attempted) -> Outcome:
        parts = self._parts
        try:
            reply = parts.mailer.send(
                letter, lambda phase: record_phase(run, attempt.number, phase, parts.unit_of_work)
            )
        except SendError as error:
            return self._failed(run, letter, attempt, error)
        except UnsendableError as error:
            _log.error("mail_unsendable", delivery_id=letter.delivery_id, reason=error.reason, error=str(error))
            return record_unsendable(run, attempt.number, error.reason, parts.unit_of_work)
        except ProviderClosedError as closed:
            return record_not_tried(run, attempt.number, closed, parts.unit_of_work, parts.rules)
        return self._accepted(letter, attempt.number, reply)

    def _accepted(self, letter: Letter, attempt: int, reply: SmtpReply) -> Outcome:
        parts = self._parts
        delivery = parts.persist(lambda: record_acceptance(letter.delivery_id, attempt, reply, parts.unit_of_work))
        _log.info("mail_sent", delivery_id=delivery.id, template=delivery.template, attempt=attempt)
        _tell(delivery, State.SENT, is_alarming=False)
        return Done()

    def _failed(self, run: JobRun, letter: Letter, attempt: Attempted, error: SendError) -> Outcome:
        parts = self._parts
        recorded = record_failure(run, attempt, error, parts.unit_of_work, parts.rules)
        is_alarming = recorded.verdict is not None and recorded.verdict.alert
        # Neither address nor the server's text, which often repeats it, belongs into a log.
        say = _log.error if is_alarming else _log.warning
        say(
            "mail_not_sent",
            delivery_id=letter.delivery_id,
            failure=error.failure,
            stage=error.stage,
            code=error.reply.code if error.reply else None,
            state=recorded.verdict.state if recorded.verdict else None,
        )
        _tell(recorded.delivery, error.failure, is_alarming=is_alarming)
        return recorded.outcome


def _tell(delivery: Delivery, outcome: str, *, is_alarming: bool) -> None:
    delivery_news.send(
        DeliveryNews(delivery.id, delivery.template, CHANNEL_EMAIL, outcome, delivery.event_at, is_alarming)
    )
