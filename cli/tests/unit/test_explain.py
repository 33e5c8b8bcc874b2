"""What the facts of an order are said to mean, case by case; what is healthy says nothing."""

from datetime import UTC, datetime, timedelta

import pytest
from waybill_cli.facts.explain import explain
from waybill_cli.facts.order import OrderFacts, _said_by
from waybill_cli.facts.timeline import timeline
from waybill_cli.sources.queues import QueueState
from waybill_common.clock import rfc3339

pytestmark = pytest.mark.unit
NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
ORDER = {"id": "ord_1", "number": "100001", "status": "confirmed", "expires_at": None}


def at(seconds):
    return NOW + timedelta(seconds=seconds)


def event(**more):
    known = {"event_id": "e1", "type": "orders.order.placed", "sequence": 1, "occurred_at": at(-60), "actor": "usr_1"}
    known |= dict.fromkeys(("queued_at", "unpublished_error", "unpublished_at", "traceparent"))
    return known | {"status": "pending", "payment_status": "none", "fulfillment_status": "unfulfilled"} | more


def receipt(seconds):
    return {"message_id": "e1", "consumer": "notifier.events.v1", "received_at": at(seconds), "meanwhile": []}


def mail(**more):
    known = {"id": "dlv_1", "event_id": "e1", "template": "order_placed", "state": "sent", "reason": None}
    known |= {"next_attempt_at": None, "expires_at": rfc3339(at(9_000)), "created_at": rfc3339(at(-60))}
    return known | {"attempts": [], "transitions": []} | more


def attempt(took, **more):
    ended = None if took is None else rfc3339(at(-50 + took))
    known = {"number": 1, "phase": "done", "started_at": rfc3339(at(-50)), "finished_at": ended, "outcome": "sent"}
    return known | {"stage": None, "smtp_code": 250, "smtp_enhanced": "2.0.0", "smtp_text": "2.0.0 kept"} | more


def letter(**more):
    known = {"id": "l1", "queue": "notifier.events.v1", "message_id": "e1", "type": "orders.order.placed", "count": 1}
    known |= {"reason": "unsupported_version", "error": "v99", "first_at": at(-40), "last_at": at(-40)}
    return known | {"state": "open", "settled_by": None, "settled_at": None} | more


def said(**facts):
    return [(one.about, one.is_open, one.text) for one in explain(OrderFacts(order=ORDER, now=NOW, **facts))]


def test_an_order_that_met_nothing_has_nothing_to_explain():
    assert said(events=[event()], receipts=[receipt(-59)], deliveries=[mail(attempts=[attempt(0.1)])]) == []


@pytest.mark.parametrize(
    ("leads", "words"),
    [(False, "no relay leads"), (True, "the broker does not confirm"), (None, "is not known")],
)
def test_an_event_in_the_outbox_waits_for_a_relay_or_for_the_broker(leads, words):
    ((about, is_open, text),) = said(events=[event(queued_at=at(-60))], relay_leads=leads)
    assert (about, is_open, words in text) == ("outbox", True, True)


def test_an_event_that_was_just_written_is_not_open_while_a_relay_leads():
    ((_, is_open, _),) = said(events=[event(queued_at=at(-0.1))], relay_leads=True)
    assert not is_open


@pytest.mark.parametrize(
    ("meanwhile", "about"), [("others", "relay"), ("later", "retry"), ("nothing", "relay or consumer")]
)
def test_an_event_that_came_late_is_explained_by_what_its_consumer_took_meanwhile(meanwhile, about):
    facts = {"events": [event()], "receipts": [receipt(-30)], "meanwhile": {"e1": meanwhile}}
    ((told, is_open, text),) = said(**facts)
    assert (told, is_open, "30 s late" in text) == (about, False, True)


def test_what_a_consumer_took_meanwhile_says_who_was_away():
    own = {"earlier": at(-1), "later": at(1)}
    assert _said_by(["other"], own, NOW) == "others"
    assert _said_by(["other", "later"], own, NOW) == "later"
    assert _said_by(["earlier"], own, NOW) == _said_by([], own, NOW) == "nothing"


def test_a_slow_mail_server_is_named_while_it_is_slow_and_afterwards():
    ((_, is_open, text),) = said(deliveries=[mail(attempts=[attempt(12)])])
    assert (is_open, "12 s" in text) == (False, True)
    running = attempt(None, phase="envelope", outcome=None, smtp_code=None, phase_at=at(-40))
    ((_, is_open, text),) = said(deliveries=[mail(state="sending", attempts=[running])])
    assert (is_open, "in phase envelope for 40 s" in text) == (True, True)


def test_a_refused_attempt_is_told_with_the_servers_words_and_its_next_time():
    refused = attempt(0.1, outcome="transient", stage="rcpt", smtp_code=451, smtp_enhanced=None, smtp_text="Later")
    told = said(deliveries=[mail(state="queued", attempts=[refused], next_attempt_at=rfc3339(at(30)))])
    assert any("451 Later at rcpt" in text for _, _, text in told)
    assert not any(is_open for _, is_open, _ in told)
    overdue = said(deliveries=[mail(state="queued", attempts=[refused], next_attempt_at=rfc3339(at(-30)))])
    assert any(is_open for _, is_open, _ in overdue)


def test_a_dead_letter_is_open_until_it_is_settled_and_then_says_by_whom():
    ((_, is_open, text),) = said(events=[event()], letters=[letter()])
    assert (is_open, "waits for a person" in text) == (True, True)
    settled = letter(state="replayed", settled_by="usr_boss", settled_at=at(-10))
    told = said(events=[event()], receipts=[receipt(-9)], letters=[settled])
    ((_, is_open, text),) = told  # and that its event came late is not told a second time
    assert (is_open, "replayed by usr_boss" in text) == (False, True)


def test_a_published_event_without_a_receipt_is_looked_for_in_the_queue():
    queues = [QueueState("notifier.events.v1", 7, 0), QueueState("notifier.events.v1.retry.5s", 0, 0)]
    ((about, is_open, text),) = said(events=[event()], queues=queues)
    assert (about, is_open, "7 messages wait" in text) == ("queue", True, True)
    read = [QueueState("notifier.events.v1", 0, 2)]
    assert said(events=[event()], queues=read) == []


def test_a_source_that_was_not_asked_is_open():
    assert said(missing={"the broker": "refused"}) == [("the broker", True, "not looked at: refused")]


def test_the_timeline_is_in_the_order_of_time_across_services():
    traced = event(traceparent=f"00-{'a' * 32}-{'b' * 16}-01")
    facts = OrderFacts(
        order=ORDER,
        now=NOW,
        events=[traced],
        receipts=[receipt(-59)],
        letters=[letter(count=2, state="replayed", settled_by="usr_boss", settled_at=at(-10))],
        deliveries=[mail(attempts=[attempt(0.5)])],
    )
    told = [(one.what, one.trace_id) for one in timeline(facts)]
    assert told[0] == ("order.placed", "a" * 32)
    assert ("received order.placed", "a" * 32) in told
    assert [what for what, _ in told][-1] == "dead letter replayed"
    times = [one.at for one in timeline(facts)]
    assert times == sorted(times)
