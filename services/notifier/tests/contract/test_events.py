"""The notifier reads what auth and orders promise: every example becomes the mail it should, in both languages."""

import json
from datetime import timedelta
from pathlib import Path

import pytest
from waybill_common.messaging import Handling, PermanentMessageError
from waybill_common.messaging.broker import Message
from waybill_common.messaging.events import parse_event
from waybill_notifier.consumers.messages import MAIL_REQUESTED, REVOCATIONS, Messages
from waybill_notifier.domain.kinds import BY_EVENT, BY_PURPOSE
from waybill_notifier.domain.letter import Recipient
from waybill_notifier.gateways.renderer import Renderer
from waybill_notifier.gateways.words import LANGUAGES

pytestmark = [pytest.mark.contract, pytest.mark.unit]

EVENTS = Path(__file__).parents[4] / "contracts" / "events"
EXAMPLES = sorted(path for path in EVENTS.glob("*/*.v*/examples/*.json"))


def event_type(path):
    return f"{path.parts[-4]}.{path.parts[-3].rpartition('.v')[0]}"


def read(path):
    return parse_event(Message("x", path.read_bytes(), "x", {}, "x", 0))


class Reader(Messages):
    def __init__(self):
        self.mails, self.revocations = [], []
        super().__init__(self._mail, self._revocation, timedelta(hours=48))

    def _mail(self, command):
        self.mails.append(command)
        return True

    def _revocation(self, command):
        self.revocations.append(command)
        return True


def of_types(*types):
    found = [path for path in EXAMPLES if event_type(path) in types]
    assert {event_type(path) for path in found} == set(types), "a type has no example"
    return found


@pytest.mark.parametrize("path", of_types(*BY_EVENT), ids=lambda path: f"{path.parts[-3]}-{path.stem}")
def test_every_order_event_becomes_its_mail(path):
    reader = Reader()
    event = read(path)
    assert reader.router()(event) is Handling.HANDLED
    (command,) = reader.mails
    assert command.kind is BY_EVENT[event.type]
    assert (command.recipient, command.order_id) == (event.data["customer_id"], event.subject)
    assert command.expires_at == event.time + timedelta(hours=48)
    for language in LANGUAGES:
        mail = Renderer("Waybill", can_reply=False).render(
            command.kind.template, command.facts, Recipient("ann@example.test", "Ann", language)
        )
        assert event.data["number"] in mail.subject


@pytest.mark.parametrize("path", of_types(MAIL_REQUESTED), ids=lambda path: path.stem)
def test_every_mail_request_becomes_its_mail(path):
    reader = Reader()
    event = read(path)
    assert reader.router()(event) is Handling.HANDLED
    (command,) = reader.mails
    assert command.kind is BY_PURPOSE[event.data["purpose"]]
    assert command.facts == {"mail_request_id": event.data["mail_request_id"]}


@pytest.mark.parametrize("path", of_types(*REVOCATIONS), ids=lambda path: f"{path.parts[-3]}-{path.stem}")
def test_every_revocation_is_taken_over(path):
    reader = Reader()
    assert reader.router()(read(path)) is Handling.HANDLED
    assert reader.revocations[0].data == read(path).data


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: f"{path.parts[-4]}-{path.parts[-3]}-{path.stem}")
def test_no_other_event_makes_a_mail(path):
    reader = Reader()
    handled = reader.router()(read(path))
    if event_type(path) not in {*BY_EVENT, MAIL_REQUESTED, *REVOCATIONS}:
        assert handled is Handling.IGNORED
        assert reader.mails == []


def test_every_purpose_has_an_example():
    purposes = {json.loads(path.read_text())["data"]["purpose"] for path in of_types(MAIL_REQUESTED)}
    assert purposes == set(BY_PURPOSE)


@pytest.mark.parametrize(
    "damage",
    [
        {"customer_id": None},
        {"customer_id": 5},
        {"order_id": ""},
        {"number": ["x"]},
        {"total": "44"},
        {"total": True},
        {"lines": None},
        {"lines": [1]},
        {"lines": [{"line": 1}]},
        {"placed_at": "yesterday"},
        {"expires_at": 5},
        {"payment": None},
        {"payment": {"amount": None}},
    ],
    ids=str,
)
def test_an_event_that_breaks_its_promise_is_a_dead_letter(damage):
    event = read(of_types("orders.payment.captured")[0])
    event.data.update(damage)
    with pytest.raises(PermanentMessageError) as caught:
        Reader().router()(event)
    assert caught.value.reason == "invalid_payload"


def test_members_that_nobody_knows_are_ignored():
    event = read(of_types("orders.order.placed")[0])
    event.data.update({"shiny": {"new": 1}})
    reader = Reader()
    reader.router()(event)
    assert "shiny" not in reader.mails[0].facts


def test_an_unknown_purpose_is_ignored():
    event = read(of_types(MAIL_REQUESTED)[0])
    event.data["purpose"] = "new_device"
    assert Reader().router()(event) is Handling.IGNORED


def test_a_revocation_that_is_none_is_a_dead_letter():
    event = read(of_types("auth.session.revoked")[0])

    def refuse(_command):
        raise ValueError("no revocation")

    with pytest.raises(PermanentMessageError):
        Messages(refuse, refuse, timedelta(hours=1)).router()(event)
