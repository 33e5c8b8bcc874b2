"""Changes of an order: versions, events, guards, and what follows by itself."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from waybill_orders.domain.cancellation import CanceledUnits, cancel
from waybill_orders.domain.change import Change, Happening, change, place
from waybill_orders.domain.errors import DomainError, InvalidTransitionError
from waybill_orders.domain.order import Order
from waybill_orders.domain.states import Status

from .build import NOW, line, order

pytestmark = pytest.mark.unit


def changed(before: Order, after: Order, *types: str) -> Change:
    return change(before, after, [Happening(kind) for kind in types], actor="usr_ann", at=NOW)


def test_each_event_has_the_next_number_and_the_snapshot_at_it() -> None:
    before = order(version=4)
    result = changed(before, replace(before, captured_minor=100), "payment.captured", "order.note_added")
    assert [(event.type, event.sequence, event.data["version"]) for event in result.events] == [
        ("payment.captured", 5, 5),
        ("order.note_added", 6, 6),
    ]
    assert (result.after.version, result.before) == (6, before)


def test_money_that_covers_what_is_due_confirms_with_an_event_of_its_own() -> None:
    before = order()
    result = changed(before, replace(before, captured_minor=2000), "payment.captured")
    assert [(event.type, event.data["status"]) for event in result.events] == [
        ("payment.captured", "pending"),
        ("order.confirmed", "confirmed"),
    ]
    assert (result.after.status, result.after.version) == (Status.CONFIRMED, 3)


def test_a_hold_that_covers_confirms_too_and_a_part_does_not() -> None:
    before = order()
    assert changed(before, replace(before, authorized_minor=2000), "payment.authorized").after.status == "confirmed"
    assert changed(before, replace(before, captured_minor=1999), "payment.captured").after.status == "pending"


def test_the_last_delivery_of_a_settled_order_completes_it() -> None:
    delivered = line(1, quantity_shipped=2, quantity_delivered=1)
    before = order(delivered, status=Status.CONFIRMED, captured_minor=1000)
    after = before.with_lines(delivered._replace(quantity_delivered=2))
    result = changed(before, after, "fulfillment.delivered")
    assert [event.type for event in result.events] == ["fulfillment.delivered", "order.completed"]
    unpaid = replace(before, captured_minor=999)
    assert changed(unpaid, replace(after, captured_minor=999), "fulfillment.delivered").after.status == "confirmed"


def test_a_capture_after_the_delivery_completes_as_well() -> None:
    done = line(1, quantity_shipped=2, quantity_delivered=2)
    before = order(done, status=Status.CONFIRMED, authorized_minor=1000)
    result = changed(before, replace(before, authorized_minor=0, captured_minor=1000), "payment.captured")
    assert result.events[-1].type == "order.completed"


def test_cancelling_what_is_left_completes_a_delivered_order() -> None:
    shipped, left = line(1, quantity_shipped=2, quantity_delivered=2), line(2)
    before = order(shipped, left, status=Status.CONFIRMED, captured_minor=2000)
    canceled = cancel(before, [CanceledUnits(2, 2)], None)
    assert canceled is not None
    result = change(before, canceled[0], [canceled[1]], actor="a", at=NOW)
    assert [event.type for event in result.events] == ["order.edited", "order.completed"]


def test_refunds_do_not_reopen_a_completed_order() -> None:
    done = line(1, quantity_shipped=2, quantity_delivered=2)
    before = order(done, status=Status.COMPLETED, captured_minor=1000)
    result = changed(before, replace(before, refunded_minor=1000), "refund.succeeded")
    assert (result.after.status, result.after.payment_status) == ("completed", "refunded")


def test_an_order_that_owes_nothing_is_placed_and_confirmed() -> None:
    result = place(order(line(1, price=0), version=0), actor="usr_ann")
    assert [event.type for event in result.events] == ["order.placed", "order.confirmed"]
    assert (result.before, result.after.version) == (None, 2)


def test_a_change_without_an_event_cannot_be_expressed() -> None:
    with pytest.raises(ValueError, match="at least one event"):
        changed(order(), order())


def test_a_transition_that_the_machine_does_not_know_is_refused() -> None:
    before = order(status=Status.EXPIRED)
    with pytest.raises(InvalidTransitionError):
        changed(before, replace(before, status=Status.CONFIRMED), "order.confirmed")


def test_a_snapshot_leaves_out_what_mails_must_not_carry() -> None:
    secret = order(shipping_address={"line1": "Road 1"}, external_reference="PO-1")
    data = changed(secret, secret, "order.note_added").events[0].data
    assert "Road 1" not in str(data)
    assert "PO-1" not in str(data)
    assert data["placed_at"] == "2026-01-02T03:04:05.000006Z"


@given(
    st.lists(
        st.tuples(st.sampled_from(["pay", "hold", "cancel", "edit", "note", "expire"]), st.integers(1, 700)),
        max_size=25,
    )
)
def test_any_history_is_numbered_without_gaps_and_reserves_only_while_it_lives(
    deeds: list[tuple[str, int]],
) -> None:
    first = place(order(version=0), actor="usr_ann")
    current, events = first.after, list(first.events)
    for deed, amount in deeds:
        try:
            result = _do(current, deed, amount)
        except DomainError:
            continue
        if result is not None:
            current, events = result.after, [*events, *result.events]
    assert [event.sequence for event in events] == list(range(1, current.version + 1))
    assert events[-1].data["status"] == current.status
    held = sum(current.reserved_units().values())
    alive = current.status in {"pending", "confirmed"}
    assert held == (sum(one.open_units for one in current.lines) if alive else 0)
    assert 0 <= current.due_minor <= current.total_minor


def _do(current: Order, deed: str, amount: int) -> Change | None:
    if deed == "pay":
        return changed(current, replace(current, captured_minor=current.captured_minor + amount), "payment.captured")
    if deed == "hold":
        return changed(current, replace(current, authorized_minor=amount), "payment.authorized")
    if deed == "note":
        return changed(current, current, "order.note_added")
    if deed == "expire":
        return changed(current, replace(current, status=Status.EXPIRED), "order.expired")
    units = [CanceledUnits(1 + amount % 2, 1)] if deed == "edit" else []
    canceled = cancel(current, units, None)
    return None if canceled is None else change(current, canceled[0], [canceled[1]], actor="a", at=NOW)
