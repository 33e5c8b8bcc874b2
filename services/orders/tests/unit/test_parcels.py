"""Every way in which a parcel may not leave, told apart."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from waybill_orders.domain.errors import InvalidTransitionError
from waybill_orders.domain.order import Order, OrderLine
from waybill_orders.domain.parcels import Parcel, deliver, ship
from waybill_orders.domain.states import FulfillmentStatus, Status

pytestmark = pytest.mark.unit
NOW = datetime(2026, 1, 2, tzinfo=UTC)


def order(*quantities: int, status: Status = Status.CONFIRMED) -> Order:
    lines = tuple(
        OrderLine(line=number, sku="TEA", name="Tea", quantity=units, unit_price_minor=10, total_minor=10 * units)
        for number, units in enumerate(quantities, start=1)
    )
    total = sum(line.total_minor for line in lines)
    return Order(
        id="ord_1",
        channel="web",
        number="1",
        customer_id="usr_1",
        status=status,
        currency="EUR",
        subtotal_minor=total,
        total_minor=total,
        captured_minor=total,
        version=1,
        placed_at=NOW,
        updated_at=NOW,
        expires_at=None,
        lines=lines,
    )


def parcel(number: int, *lines: tuple[int, int]) -> Parcel:
    return Parcel(id=f"ful_{number}", lines=lines, carrier=None, tracking_number=None)


@pytest.mark.parametrize("status", sorted(set(Status) - {Status.CONFIRMED}))
def test_only_a_confirmed_order_is_shipped(status: Status) -> None:
    with pytest.raises(InvalidTransitionError):
        ship(order(1, status=status), parcel(1), NOW)


@given(st.data())
def test_parcels_of_any_shape_ship_and_deliver_every_unit_once(data: st.DataObject) -> None:
    current = order(*data.draw(st.lists(st.integers(1, 5), min_size=1, max_size=4)))
    number = 0
    while any(line.open_units for line in current.lines):
        number += 1
        line = data.draw(st.sampled_from([line for line in current.lines if line.open_units]))
        units = data.draw(st.integers(1, line.open_units))
        current, left, happening = ship(current, parcel(number, (line.line, units)), NOW)
        assert happening.details["fulfillment"]["id"] == left.id  # type: ignore[index]
    assert current.fulfillment_status is FulfillmentStatus.FULFILLED
    for left in data.draw(st.permutations(current.fulfillments)):
        assert not current.is_finished
        current, _, told = deliver(current, left.id, NOW)
        assert told is not None
        assert deliver(current, left.id, NOW)[2] is None
    assert current.fulfillment_status is FulfillmentStatus.DELIVERED
    assert current.is_finished
