"""Budgets of the hot routes, in statements sent to the server; BEGIN and COMMIT are not counted."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg2.extensions
import pytest
import sqlalchemy as sa

from .service import STAFF, Service

pytestmark = pytest.mark.integration


class _CountingCursor(psycopg2.extensions.cursor):
    """Every statement of the driver passes here, the raw ones of the place path too."""

    sent: list[str]

    def execute(self, query, values=None):
        self.sent.append(query if isinstance(query, str) else query.decode())
        return super().execute(query, values)


@pytest.fixture
def sent(service: Service) -> list[str]:
    """What the service sends from now on."""
    statements: list[str] = []
    factory = type("Cursor", (_CountingCursor,), {"sent": statements})
    engine, direct = service.foundation.engine, service.foundation.direct
    sa.event.listen(engine, "connect", lambda connection, _: setattr(connection, "cursor_factory", factory))
    engine.dispose()
    with engine.connect():  # the dialect asks its questions about the server now
        pass
    connection = direct.take()  # the one that is used next, too
    connection.cursor_factory = factory
    direct.put_back(connection)
    return statements


@contextmanager
def at_most(limit: int, sent: list[str]) -> Iterator[None]:
    sent.clear()
    yield
    assert 0 < len(sent) <= limit, sent


def test_place_sends_two_and_a_replay_three(service: Service, sent: list[str]) -> None:
    service.product("A")
    service.product("B")
    with at_most(2, sent):
        assert service.place(("A", 1), ("B", 2), note="n", key="k").status_code == 201
    assert len(sent) == 2
    with at_most(3, sent):
        assert service.place(("A", 1), ("B", 2), note="n", key="k").headers["Idempotent-Replayed"] == "true"


def test_get_sends_one(service: Service, sent: list[str]) -> None:
    service.product("A")
    order_id = service.placed(("A", 1), ("A", 2))["id"]
    with at_most(1, sent):
        service.order(order_id)


@pytest.mark.parametrize("query", ["", "&status=pending,confirmed&payment_status=none", "&sort=created_at"])
def test_list_sends_one_however_many_orders_and_lines(service: Service, sent: list[str], query: str) -> None:
    service.product("A")
    for _ in range(12):
        service.placed(("A", 1), ("A", 2))
    for token in ("usr_ann", STAFF):
        with at_most(1, sent):
            page = service.call("GET", f"/v1/orders?limit=10{query}", token).json
        assert len(page["data"]) == 10
        with at_most(1, sent):
            service.call("GET", f"/v1/orders?limit=10{query}&cursor={page['next_cursor']}", token)


def test_commands_and_expiry_stay_within_their_budgets(service: Service, sent: list[str]) -> None:
    service.product("A")
    order_id = service.placed(("A", 2))["id"]
    with at_most(13, sent):
        assert service.call("POST", f"/v1/orders/{order_id}/cancel", json={}).status_code == 200
    with at_most(2, sent):
        service.call("GET", f"/v1/orders/{order_id}/timeline")
    for _ in range(30):
        service.placed(("A", 2))
    service.execute("UPDATE orders SET expires_at = now() WHERE status = 'pending'")
    with at_most(7, sent):  # for all of them together
        assert service.expire() == 30


def test_the_count_sees_what_is_sent(service: Service, sent: list[str]) -> None:
    """Negative control: each statement of either path is counted."""
    service.product("A")
    sent.clear()
    service.rows("SELECT 1")
    service.place(("A", 1))
    assert len(sent) == 3
