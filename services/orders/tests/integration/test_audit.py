"""`orders audit`: silent on a sound database, and not silent about any planted damage."""

import pytest
from click.testing import CliRunner
from waybill_orders.cli import main
from waybill_orders.repositories.audit import ORDER_INVARIANTS

from .service import BOB, Service

pytestmark = pytest.mark.integration

DAMAGE = {
    "I1 stock is never oversold": (
        "ALTER TABLE stock DROP CONSTRAINT stock_never_oversold; UPDATE stock SET reserved = on_hand + 1"
    ),
    "I1 what is on hand is the sum of its movements": "UPDATE stock SET on_hand = on_hand + 1",
    "I1 what left stock is what was shipped": (
        "INSERT INTO stock_movements (sku, delta, reason, order_id, actor) VALUES ('A', -1, 'shipped', 'ord_x', 'x')"
    ),
    "I2 an order's total is the sum of its parts": (
        "UPDATE orders SET total_minor = total_minor + 1, subtotal_minor = subtotal_minor + 1"
    ),
    "I2 lines are as they were placed": (
        "UPDATE order_lines SET unit_price_minor = unit_price_minor + 1, total_minor = total_minor + quantity"
    ),
    "I2 an order has lines and a line has an order": "DELETE FROM order_lines",
    "I3 and I4 the version is the number of events, numbered without gaps": "UPDATE orders SET version = version + 1",
    "I3 the last event tells the order's state": "UPDATE orders SET status = 'completed'",
    "I3 no event is about an order that does not exist": (
        "INSERT INTO event_log (event_id, type, subject, sequence, data) "
        "VALUES (gen_random_uuid(), 'orders.order.placed', 'ord_lost', 1, '{}')"
    ),
    "I4 events of an order stand in the log in their order": "UPDATE event_log SET sequence = 5 - sequence",
    "I5 what waits for the broker is in the log": "INSERT INTO outbox (position) VALUES (999999)",
    "I6 a placed order has one key with its answer": (
        "INSERT INTO idempotency SELECT scope, key || '-2', fingerprint, status, location, etag, body FROM idempotency "
        "WHERE location IS NOT NULL"
    ),
    "I9 every status followed the one before": (
        "UPDATE event_log SET data = jsonb_set(data, '{status}', '\"completed\"') WHERE sequence = 1"
    ),
    "I10 what is reserved is what open lines hold": "UPDATE stock SET reserved = reserved + 1",
    "I10 a line holds its open units while its order lives, and nothing after": (
        "UPDATE order_lines SET quantity_reserved = quantity_reserved - 1"
    ),
    "I11 an order's events name its one customer": f"UPDATE orders SET customer_id = '{BOB}'",
    "I11 a key belongs to the customer of the order that it made": f"UPDATE orders SET customer_id = '{BOB}'",
    "I12 nothing touched an order after its last event": "UPDATE orders SET updated_at = now() + interval '1 second'",
}


@pytest.fixture
def damaged(orders_database: str):
    """A service with an order of two events; nobody audits it afterwards."""
    service = Service(orders_database)
    service.product("A")
    order_id = service.placed(("A", 2))["id"]
    service.call("POST", f"/v1/orders/{order_id}/notes", json={"text": "x"})
    assert service.audit() == []
    yield service
    service.close()


def test_every_invariant_has_its_damage() -> None:
    assert set(DAMAGE) == set(ORDER_INVARIANTS)


@pytest.mark.parametrize("invariant", sorted(ORDER_INVARIANTS))
def test_planted_damage_is_found(damaged: Service, invariant: str) -> None:
    damaged.execute(DAMAGE[invariant])
    assert invariant in damaged.audit()


def test_the_command_prints_rows_and_exits_with_1_only_when_something_is_broken(
    damaged: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WAYBILL_ORDERS_DATABASE_URL", damaged.url)
    sound = CliRunner().invoke(main, ["audit"])
    assert (sound.exit_code, sound.output) == (0, "")
    damaged.execute("UPDATE stock SET on_hand = on_hand + 7")
    broken = CliRunner().invoke(main, ["audit"])
    assert broken.exit_code == 1
    assert "I1 what is on hand is the sum of its movements: {'sku': 'A'" in broken.stdout


def test_constraints_hold_what_the_code_must_not_break(damaged: Service) -> None:
    """The database's own guard, below every check of the code (negative control of the audit)."""
    for sql in (
        "UPDATE stock SET reserved = on_hand + 1",
        "UPDATE stock SET reserved = -1",
        "UPDATE orders SET total_minor = total_minor + 1",
        "UPDATE orders SET refunded_minor = captured_minor + 1",
        "UPDATE order_lines SET quantity_shipped = quantity + 1",
        "UPDATE order_lines SET total_minor = total_minor + 1",
        "INSERT INTO event_log (event_id, type, subject, sequence, data) "
        "SELECT gen_random_uuid(), type, subject, sequence, data FROM event_log WHERE sequence IS NOT NULL",
    ):
        with pytest.raises(Exception, match=r"constraint|unique"):
            damaged.execute(sql)
