"""What failures do to deliveries and addresses, end to end (messaging.md §11.3–11.6, faults 19–22)."""

from datetime import UTC, datetime, timedelta

import pytest
from notifier_support.events import event, order_data
from notifier_support.notifier import Notifier
from waybill_testkit.smtp_script import reply
from waybill_testkit.waiting import eventually

pytestmark = pytest.mark.integration


@pytest.fixture
def make(database_url, auth, catcher):
    made = []

    def build(**changes):
        made.append(Notifier(database_url, auth, catcher, works=False, **changes))
        return made[-1]

    yield build
    for notifier in made:
        notifier.__exit__()


def suppressions(notifier):
    return notifier.row("SELECT count(*) FROM suppression")["count"]


@pytest.mark.parametrize(
    ("script", "state", "reason", "suppressed"),
    [
        ("550.5.1.1", "failed", "address", 1),
        ("553.5.1.3", "failed", "address", 1),
        ("521", "failed", "address", 1),
        ("550.5.7.1", "failed", "policy", 0),
        ("550", "failed", "policy", 0),
        ("data-554", "failed", "message", 0),
        ("dot-552.5.3.4", "failed", "message", 0),
        ("502", "failed", "protocol", 0),
        ("451", "exhausted", "transient", 0),
        ("452.4.2.2", "exhausted", "transient", 0),
    ],
)
def test_how_a_delivery_ends(notifier, script, state, reason, suppressed):
    delivery_id = notifier.order_event(f"{script}@example.test")
    row = notifier.until(delivery_id, "failed", "exhausted")
    assert (row["state"], row["reason"]) == (state, reason)
    assert suppressions(notifier) == suppressed
    assert notifier.row("SELECT type FROM event_log")["type"] == "notifier.notification.failed"
    assert {attempt["outcome"] for attempt in notifier.attempts(delivery_id)} == {reason}


def test_a_protocol_quirk_gets_one_more_try_on_a_new_connection(notifier, catcher):
    delivery_id = notifier.order_event("502@example.test")
    assert notifier.until(delivery_id, "failed")["attempts"] == 2
    assert catcher.connections == 2


def test_a_suppressed_address_gets_nothing_until_a_person_decides(notifier, catcher):
    customer = notifier.customer("550.5.1.1x1+ok@example.test")
    first = notifier.hand_in(event("orders.order.placed", order_data(customer)))
    notifier.until(first, "failed")
    second = notifier.hand_in(event("orders.order.placed", order_data(customer)))
    notifier.until(second, "suppressed")
    assert notifier.attempts(second) == []
    assert catcher.messages == []


def test_policy_refusals_suppress_after_two_different_mails(notifier):
    customer = notifier.customer("550@example.test")
    for expected in (0, 1):
        delivery_id = notifier.hand_in(event("orders.order.placed", order_data(customer)))
        notifier.until(delivery_id, "failed")
        assert suppressions(notifier) == expected


def test_no_address_is_stored(notifier):
    notifier.until(notifier.order_event("550.5.1.1@example.test"), "failed")
    dump = str(
        [notifier.rows(f"SELECT * FROM {table}") for table in ("notification", "delivery", "suppression", "job")]
    )
    assert "example.test" not in dump.replace("@shop.example.test", "")


def test_neither_link_nor_body_is_stored(notifier, catcher):
    delivery_id = notifier.mail_event("ann@example.test")
    notifier.until(delivery_id, "sent")
    assert "#token=" in catcher.messages[0].text
    tables = ("notification", "delivery", "delivery_attempt", "delivery_transition", "job", "event_log")
    assert "#token=" not in str([notifier.rows(f"SELECT * FROM {table}") for table in tables])


def test_a_greylisting_server_is_given_five_minutes(notifier, catcher):
    catcher.plan("rcpt", reply("450 4.7.1 Greylisted"))
    delivery_id = notifier.order_event("ann@example.test")
    row = eventually(lambda: (row := notifier.delivery(delivery_id))["attempts"] == 1 and row)
    assert row["next_attempt_at"] - row["updated_at"] > timedelta(minutes=4, seconds=59)


def test_a_fault_of_configuration_holds_without_burning_attempts(notifier, catcher):
    catcher.plan("mail", "550.5.1.8x3")
    delivery_id = notifier.order_event("ann@example.test")
    notifier.until(delivery_id, "held")
    row = notifier.until(delivery_id, "sent")
    assert row["attempts"] == 1
    assert suppressions(notifier) == 0
    assert [attempt["outcome"] for attempt in notifier.attempts(delivery_id)] == ["configuration"] * 3 + ["sent"]


def test_while_the_server_is_away_only_a_few_attempts_are_burned(make, catcher):
    notifier = make(retry_patient_seconds="0.05,0.05,0.05,0.05,0.05,0.05,0.05,0.05,0.05,0.05,0.05,0.05,0.05,0.05,0.05")
    catcher.stop()
    ids = [notifier.order_event(f"ann{number}@example.test") for number in range(20)]
    notifier.start()
    eventually(lambda: notifier.row("SELECT sum(waits) FROM delivery")["sum"] >= 40)
    burned = notifier.row("SELECT count(*) FROM delivery_attempt WHERE outcome = 'provider_transient'")["count"]
    waits = notifier.row("SELECT sum(waits) FROM delivery")["sum"]
    assert burned < waits
    catcher.start()
    for delivery_id in ids:
        notifier.until(delivery_id, "sent")
    assert len(catcher.messages) == 20


def test_the_rate_is_kept_when_a_queue_drains(make, catcher):
    notifier = make(smtp_rate_per_second=20)
    for number in range(30):
        notifier.order_event(f"ann{number}@example.test")
    notifier.start()
    eventually(lambda: len(catcher.messages) == 30)
    took = (catcher.messages[-1].received_at - catcher.messages[0].received_at).total_seconds()
    assert took >= 29 / 20 * 0.9


def test_while_auth_is_away_a_delivery_waits(notifier, auth, catcher):
    auth.status = 503
    delivery_id = notifier.order_event("ann@example.test")
    row = eventually(lambda: (row := notifier.delivery(delivery_id))["waits"] and row)
    assert (row["state"], row["reason"], row["attempts"]) == ("queued", "auth_unavailable", 0)
    assert notifier.attempts(delivery_id) == []
    auth.status = None
    notifier.until(delivery_id, "sent")


@pytest.mark.parametrize("status", [401, 403, 500])
def test_an_auth_that_refuses_us_is_waited_for(notifier, auth, status):
    auth.status = status
    delivery_id = notifier.order_event("ann@example.test")
    eventually(lambda: notifier.delivery(delivery_id)["reason"] == "auth_unavailable")
    auth.status = None
    notifier.until(delivery_id, "sent")


def test_a_superseded_mail_request_is_skipped(notifier, catcher):
    delivery_id = notifier.mail_event("ann@example.test", "reset")
    notifier.until(delivery_id, "sent")
    request_id = "mrq_gone"
    notifier.auth.mail_requests[request_id] = 410
    from notifier_support.events import mail_requested

    skipped = notifier.hand_in(mail_requested("usr_1", "reset", request_id))
    row = notifier.until(skipped, "skipped")
    assert (row["reason"], notifier.attempts(skipped)) == ("expired", [])


def test_an_unknown_user_fails_the_delivery(notifier):
    delivery_id = notifier.hand_in(event("orders.order.placed", order_data("usr_nobody")))
    assert notifier.until(delivery_id, "failed")["reason"] == "recipient_gone"


def test_a_link_to_elsewhere_is_never_mailed(notifier, catcher):
    delivery_id = notifier.mail_event("ann@example.test", link="https://evil.example/verify#token=x")
    eventually(lambda: notifier.delivery(delivery_id)["reason"] == "auth_unavailable")
    assert catcher.messages == []


def test_a_mail_past_its_life_is_skipped(notifier, catcher):
    old = datetime.now(UTC) - timedelta(hours=49)
    data = order_data(notifier.customer("ann@example.test"))
    row = notifier.until(notifier.hand_in(event("orders.order.placed", data, time=old)), "skipped")
    assert (row["reason"], catcher.messages) == ("expired", [])


@pytest.mark.parametrize("email", ["a b@example.test", "ann@example.test\r\nBcc: x@y.z", "ann"])
def test_what_is_no_address_fails_before_any_attempt(notifier, email):
    delivery_id = notifier.order_event(email)
    assert notifier.until(delivery_id, "failed")["reason"] == "bad_address"
    assert notifier.attempts(delivery_id) == []


def test_a_short_lived_mail_follows_its_own_schedule(notifier):
    delivery_id = notifier.mail_event("451@example.test", "reset")
    assert notifier.until(delivery_id, "exhausted")["attempts"] == 4


def test_contacts_are_asked_for_once_a_minute_and_mail_requests_each_time(notifier, auth):
    customer = notifier.customer("ann@example.test")
    for _ in range(3):
        notifier.until(notifier.hand_in(event("orders.order.placed", order_data(customer))), "sent")
    notifier.until(notifier.mail_event("451x1+ok@example.test"), "sent")
    assert sum(path.endswith("/contact") for path in auth.requests) == 1
    assert sum("/mail-requests/" in path for path in auth.requests) == 2
