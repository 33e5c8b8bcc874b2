"""From an event to a mail, and the ledger of it."""

import pytest
from notifier_support.events import event, order_data
from waybill_common.messaging import Handling
from waybill_testkit.waiting import eventually

pytestmark = pytest.mark.integration


def test_an_event_becomes_one_mail_and_the_ledger_tells_it(notifier, catcher):
    delivery_id = notifier.order_event("ann@example.test")
    row = notifier.until(delivery_id, "sent")
    (mail,) = catcher.mails_to("ann@example.test")
    assert mail.subject == "Order W-1001 received"
    assert mail.message_id == row["message_id"]
    assert mail.envelope_from.startswith(f"b+{delivery_id}.")
    (attempt,) = notifier.attempts(delivery_id)
    assert (attempt["phase"], attempt["outcome"], attempt["smtp_code"]) == ("done", "sent", 250)
    assert notifier.states(delivery_id) == ["sending", "sent"]
    assert row["attempts"] == 1
    assert notifier.row("SELECT type FROM event_log")["type"] == "notifier.notification.sent"
    assert notifier.rows("SELECT * FROM outbox") == []
    assert eventually(lambda: notifier.rows("SELECT 1 FROM job_lane WHERE lane LIKE 'email:%%'") == [])


def test_the_same_event_again_changes_nothing(notifier, catcher):
    placed = event("orders.order.placed", order_data(notifier.customer("ann@example.test")))
    assert notifier.handle(placed) is Handling.HANDLED
    assert notifier.handle(placed) is Handling.DUPLICATE
    notifier.until(notifier.row("SELECT id FROM delivery")["id"], "sent")
    assert len(catcher.messages) == 1


def test_other_events_make_no_mail(notifier):
    for event_type in (
        "orders.order.confirmed",
        "orders.payment.authorized",
        "orders.refund.created",
        "auth.mfa.enabled",
    ):
        assert notifier.handle(event(event_type, order_data("usr_1"))) is Handling.IGNORED
    assert notifier.rows("SELECT * FROM notification") == []


def test_mails_of_one_order_keep_their_order_while_the_first_is_retried(notifier, catcher):
    data = order_data(notifier.customer("451x2+ok@example.test"))
    for event_type in ("orders.order.placed", "orders.payment.captured", "orders.fulfillment.shipped"):
        notifier.handle(event(event_type, data))
    subjects = eventually(lambda: len(catcher.messages) == 3 and [mail.subject for mail in catcher.messages])
    assert subjects == [
        "Order W-1001 received",
        "Payment received for order W-1001",
        "Order W-1001 is on its way",
    ]


def test_a_lane_that_waits_does_not_hold_up_another(notifier, catcher):
    slow = notifier.order_event("451@example.test")
    quick = notifier.order_event("ann@example.test")
    notifier.until(quick, "sent")
    assert notifier.until(slow, "exhausted")["attempts"] == 6


def test_connections_are_kept_warm(notifier, catcher):
    for number in range(10):
        notifier.until(notifier.order_event(f"ann{number}@example.test"), "sent")
    assert catcher.connections == 1
    assert catcher.commands.count("RSET") == 9
