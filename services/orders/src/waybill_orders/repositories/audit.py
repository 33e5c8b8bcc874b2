"""What must hold of orders and stock at every moment between transactions, as SQL that finds what does not.

The numbers are those of the design's invariants. I5 (no lost event) and I6 (no duplicate effect) are held here as far
as the database can tell: what the broker and the mailbox saw is for the crash suite to compare.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import sqlalchemy as sa

from waybill_orders.domain.states import TRANSITIONS
from waybill_orders.repositories.money_audit import MONEY_INVARIANTS

# Each statement returns the offending rows and nothing else.
ORDER_INVARIANTS: dict[str, str] = {
    "I1 stock is never oversold": """
        SELECT sku, on_hand, reserved FROM stock WHERE reserved < 0 OR reserved > on_hand
    """,
    "I1 what is on hand is the sum of its movements": """
        SELECT s.sku, s.on_hand, m.moved FROM stock s CROSS JOIN LATERAL (
            SELECT coalesce(sum(delta), 0) AS moved FROM stock_movements WHERE sku = s.sku) m
        WHERE s.on_hand <> m.moved
    """,
    "I1 what left stock is what was shipped": """
        SELECT coalesce(m.sku, l.sku) AS sku, m.shipped AS moved, l.shipped FROM (
            SELECT sku, -sum(delta) AS shipped FROM stock_movements WHERE order_id IS NOT NULL GROUP BY sku) m
        FULL JOIN (SELECT sku, sum(quantity_shipped) AS shipped FROM order_lines GROUP BY sku) l USING (sku)
        WHERE coalesce(m.shipped, 0) <> coalesce(l.shipped, 0)
    """,
    "I2 an order's total is the sum of its parts": """
        SELECT o.id, o.total_minor, o.subtotal_minor, l.lines, l.gross, l.discount, l.tax
        FROM orders o CROSS JOIN LATERAL (
            SELECT coalesce(sum(total_minor), 0) AS lines, coalesce(sum(unit_price_minor * quantity), 0) AS gross,
                   coalesce(sum(discount_minor), 0) AS discount, coalesce(sum(tax_minor), 0) AS tax
            FROM order_lines WHERE order_id = o.id) l
        WHERE o.total_minor <> l.lines + o.shipping_minor
           OR (o.subtotal_minor, o.discount_minor, o.tax_minor) <> (l.gross, l.discount, l.tax)
    """,
    "I2 lines are as they were placed": """
        SELECT o.id, l.line FROM orders o JOIN event_log e ON e.subject = o.id AND e.sequence = 1
        CROSS JOIN LATERAL jsonb_to_recordset(e.data -> 'lines')
            AS p(line integer, sku text, quantity bigint, unit_price bigint, total bigint)
        FULL JOIN order_lines l ON l.order_id = o.id AND l.line = p.line
        WHERE o.id IS NOT NULL AND (l.sku, l.quantity, l.unit_price_minor, l.total_minor)
            IS DISTINCT FROM (p.sku, p.quantity, p.unit_price, p.total)
    """,
    "I2 an order has lines and a line has an order": """
        SELECT o.id, l.order_id, l.line FROM orders o FULL JOIN order_lines l ON l.order_id = o.id
        WHERE o.id IS NULL OR l.order_id IS NULL
    """,
    "I3 and I4 the version is the number of events, numbered without gaps": """
        SELECT o.id, o.version, e.events, e.first, e.last FROM orders o CROSS JOIN LATERAL (
            SELECT count(*) AS events, min(sequence) AS first, max(sequence) AS last
            FROM event_log WHERE subject = o.id) e
        WHERE (o.version, 1, o.version) IS DISTINCT FROM (e.events, e.first, e.last)
    """,
    "I3 the last event tells the order's state": """
        SELECT o.id, o.version, e.data ->> 'status' AS told FROM orders o
        JOIN event_log e ON e.subject = o.id AND e.sequence = o.version
        WHERE (o.status, o.payment_status, o.fulfillment_status, o.captured_minor, o.refunded_minor, o.total_minor)
            IS DISTINCT FROM (e.data ->> 'status', e.data ->> 'payment_status', e.data ->> 'fulfillment_status',
                (e.data ->> 'captured')::bigint, (e.data ->> 'refunded')::bigint, (e.data ->> 'total')::bigint)
    """,
    "I3 no event is about an order that does not exist": """
        SELECT e.subject, e.sequence, e.type FROM event_log e LEFT JOIN orders o ON o.id = e.subject
        WHERE e.sequence IS NOT NULL AND o.id IS NULL
    """,
    "I4 events of an order stand in the log in their order": """
        SELECT subject, sequence, position FROM (
            SELECT subject, sequence, position,
                   lag(position) OVER (PARTITION BY subject ORDER BY sequence) AS before FROM event_log
            WHERE sequence IS NOT NULL) ordered WHERE before > position
    """,
    "I5 what waits for the broker is in the log": """
        SELECT q.position FROM outbox q LEFT JOIN event_log e USING (position) WHERE e.position IS NULL
    """,
    "I6 a placed order has one key with its answer": """
        SELECT location, count(*) FROM idempotency
        WHERE location LIKE '/v1/orders/%' AND location NOT LIKE '/v1/orders/%/%'
        GROUP BY location HAVING count(*) > 1
    """,
    "I9 every status followed the one before": """
        SELECT subject, sequence, before, status FROM (
            SELECT subject, sequence, data ->> 'status' AS status,
                   lag(data ->> 'status') OVER (PARTITION BY subject ORDER BY sequence) AS before
            FROM event_log WHERE sequence IS NOT NULL) steps
        WHERE before <> status AND (before, status) NOT IN (SELECT * FROM unnest(:froms, :tos))
    """,
    "I10 what is reserved is what open lines hold": """
        SELECT s.sku, s.reserved, h.held FROM stock s CROSS JOIN LATERAL (
            SELECT coalesce(sum(l.quantity_reserved), 0) AS held FROM order_lines l WHERE l.sku = s.sku) h
        WHERE s.reserved <> h.held
    """,
    "I10 a line holds its open units while its order lives, and nothing after": """
        SELECT l.order_id, l.line, o.status, l.quantity_reserved FROM order_lines l JOIN orders o ON o.id = l.order_id
        WHERE l.quantity_reserved <> CASE WHEN o.status IN ('pending', 'confirmed')
            THEN l.quantity - l.quantity_canceled - l.quantity_shipped ELSE 0 END
    """,
    "I11 an order's events name its one customer": """
        SELECT o.id, o.customer_id, e.sequence FROM orders o JOIN event_log e ON e.subject = o.id
        WHERE e.data ->> 'customer_id' IS DISTINCT FROM o.customer_id
    """,
    "I11 a key belongs to the customer of the order that it made": """
        SELECT o.id, k.scope FROM idempotency k JOIN orders o ON k.location = '/v1/orders/' || o.id
        WHERE split_part(k.scope, ' ', 1) <> o.customer_id
    """,
    "I12 nothing touched an order after its last event": """
        SELECT o.id, o.updated_at, e.occurred_at FROM orders o
        JOIN event_log e ON e.subject = o.id AND e.sequence = o.version
        WHERE o.updated_at > e.occurred_at
    """,
}


def find_violations(engine: sa.Engine) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield (invariant, row) for everything that does not hold, all of it as of one moment; reads only."""
    steps = [(before.value, after.value) for before, afters in TRANSITIONS.items() for after in afters]
    known = {"froms": [before for before, _ in steps], "tos": [after for _, after in steps]}
    with engine.connect() as connection, connection.begin():
        connection.execute(sa.text("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY"))
        connection.execute(sa.text("SET LOCAL statement_timeout = '10min'"))
        for name, sql in (ORDER_INVARIANTS | MONEY_INVARIANTS).items():
            values = known if ":froms" in sql else {}
            for row in connection.execute(sa.text(sql), values).mappings():
                yield name, dict(row)
