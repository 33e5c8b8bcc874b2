"""What may be cancelled, and what becomes of the order."""

import pytest
from waybill_orders.domain.cancellation import CanceledUnits, cancel
from waybill_orders.domain.errors import FieldRefusedError, InvalidTransitionError, QuantityRefusedError
from waybill_orders.domain.states import Status

from .build import line, order

pytestmark = pytest.mark.unit


def test_the_whole_order_loses_all_its_units() -> None:
    canceled = cancel(order(line(1, quantity_canceled=1), line(2)), [], "why")
    assert canceled is not None
    after, happening = canceled
    assert (after.status, after.due_minor, after.reserved_units()) == (Status.CANCELED, 0, {})
    assert (happening.type, happening.details) == ("order.canceled", {"reason": "why"})


def test_a_cancelled_order_is_left_as_it_is() -> None:
    assert cancel(order(status=Status.CANCELED), [], None) is None
    assert cancel(order(status=Status.CANCELED), [CanceledUnits(1, 1)], None) is None


@pytest.mark.parametrize("status", [Status.EXPIRED, Status.COMPLETED])
@pytest.mark.parametrize("units", [[], [CanceledUnits(1, 1)]])
def test_an_order_that_has_ended_otherwise_cannot_be_cancelled(status: Status, units: list[CanceledUnits]) -> None:
    with pytest.raises(InvalidTransitionError):
        cancel(order(status=status), units, None)


def test_shipped_units_are_beyond_cancelling() -> None:
    partly = order(line(1, quantity=3, quantity_shipped=1), line(2), status=Status.CONFIRMED)
    with pytest.raises(InvalidTransitionError) as refused:
        cancel(partly, [], None)
    assert refused.value.allowed == ("completed",)
    with pytest.raises(QuantityRefusedError) as too_many:
        cancel(partly, [CanceledUnits(1, 3)], None)
    assert (too_many.value.requested, too_many.value.remaining) == (3, 2)
    canceled = cancel(partly, [CanceledUnits(1, 2), CanceledUnits(2, 2)], None)
    assert canceled is not None
    assert (canceled[0].status, canceled[1].type) == (Status.CONFIRMED, "order.edited")


def test_units_that_leave_nothing_cancel_the_order() -> None:
    canceled = cancel(order(line(1), line(2, quantity_canceled=2)), [CanceledUnits(1, 1), CanceledUnits(1, 1)], None)
    assert canceled is not None
    assert canceled[1].type == "order.canceled"


def test_lines_that_do_not_exist_are_all_named() -> None:
    with pytest.raises(FieldRefusedError) as refused:
        cancel(order(), [CanceledUnits(8, 1), CanceledUnits(1, 1), CanceledUnits(9, 1)], None)
    assert [pointer for pointer, _, _ in refused.value.faults] == ["/lines/0/line", "/lines/2/line"]
