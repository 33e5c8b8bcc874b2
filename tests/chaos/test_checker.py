"""What the checker says of a delivery that broke off after `data_sent`: once, twice, and where nothing explains it."""

import pytest

from tests.chaos.checker import mails_are_sent_once
from tests.chaos.facts import Facts, Row
from tests.chaos.history import History

BROKEN: Row = {"delivery_id": "dlv_1", "phase": "data_sent", "outcome": "unknown"}


def facts(state: str, attempts: int, copies: int) -> Facts:
    event: Row = {"event_id": "e-1", "type": "orders.order.placed", "data": {}}
    mail: Row = {"headers": {"X-Waybill-Delivery": "dlv_1"}, "message_id": "<m>"}
    rows: dict[str, list[Row]] = {
        "orders_events": [event],
        "auth_events": [],
        "deliveries": [{"id": "dlv_1", "event_id": "e-1", "template": "order_placed", "state": state}],
        "attempts": [BROKEN] * attempts,
    }
    return Facts(rows=rows, mails=[mail] * copies)


@pytest.mark.parametrize(
    ("state", "attempts", "copies"),
    [("sent", 0, 1), ("sent", 1, 1), ("sent", 1, 2), ("held", 2, 0), ("held", 2, 1), ("held", 2, 2)],
)
def test_what_the_window_explains_is_no_finding(state: str, attempts: int, copies: int) -> None:
    assert mails_are_sent_once(History(), facts(state, attempts, copies)) == []


@pytest.mark.parametrize(
    ("state", "attempts", "copies"),
    [("sent", 0, 0), ("sent", 0, 2), ("sent", 1, 0), ("sent", 1, 3), ("held", 1, 0), ("held", 0, 0), ("held", 2, 3)],
)
def test_what_it_does_not_explain_is_one(state: str, attempts: int, copies: int) -> None:
    assert len(mails_are_sent_once(History(), facts(state, attempts, copies))) == 1
