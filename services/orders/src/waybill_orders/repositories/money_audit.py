"""What must hold of money and parcels at every moment between transactions, as SQL that finds what does not (I7)."""

# Each statement returns the offending rows and nothing else; `orders audit` runs them all.
MONEY_INVARIANTS: dict[str, str] = {
    "I7 an order's sums are the sums of its payments": """
        SELECT o.id, o.authorized_minor, o.captured_minor, o.refunded_minor, p.authorized, p.captured, p.refunded
        FROM orders o CROSS JOIN LATERAL (
            SELECT coalesce(sum(authorized_minor), 0) AS authorized, coalesce(sum(captured_minor), 0) AS captured,
                   coalesce(sum(refunded_minor), 0) AS refunded
            FROM payments WHERE order_id = o.id) p
        WHERE (o.authorized_minor, o.captured_minor, o.refunded_minor) <> (p.authorized, p.captured, p.refunded)
    """,
    "I7 a payment's sums are the sums of its ledger": """
        SELECT p.id, p.authorized_minor, p.captured_minor, p.refunded_minor, e.authorized, e.captured, e.voided,
               e.refunded
        FROM payments p CROSS JOIN LATERAL (
            SELECT coalesce(sum(amount_minor) FILTER (WHERE kind = 'authorized'), 0) AS authorized,
                   coalesce(sum(amount_minor) FILTER (WHERE kind = 'captured'), 0) AS captured,
                   coalesce(sum(amount_minor) FILTER (WHERE kind = 'voided'), 0) AS voided,
                   coalesce(sum(amount_minor) FILTER (WHERE kind = 'refunded'), 0) AS refunded
            FROM payment_entries WHERE payment_id = p.id) e
        WHERE (p.captured_minor, p.refunded_minor) <> (e.captured, e.refunded)
           OR (e.authorized > 0 AND p.authorized_minor <> e.authorized - e.captured - e.voided)
           OR (e.authorized = 0 AND p.authorized_minor <> 0)
    """,
    "I7 no payment takes or gives back more than it may": """
        SELECT id FROM payments
        WHERE authorized_minor + captured_minor > amount_minor OR refunded_minor > captured_minor
           OR (status IN ('pending', 'declined', 'failed', 'voided') AND captured_minor + authorized_minor > 0)
    """,
    "I7 refunds that succeeded are what was given back": """
        SELECT p.id, p.refunded_minor, r.refunded FROM payments p CROSS JOIN LATERAL (
            SELECT coalesce(sum(amount_minor), 0) AS refunded FROM refunds
            WHERE payment_id = p.id AND status = 'succeeded') r
        WHERE p.refunded_minor <> r.refunded
    """,
    "I7 refunds under way are covered by what was taken": """
        SELECT p.id FROM payments p CROSS JOIN LATERAL (
            SELECT coalesce(sum(amount_minor), 0) AS promised FROM refunds
            WHERE payment_id = p.id AND status <> 'failed') r
        WHERE r.promised > p.captured_minor
    """,
    "I1 units in parcels are the units shipped and delivered": """
        SELECT l.order_id, l.line, l.quantity_shipped, l.quantity_delivered, f.shipped, f.delivered
        FROM order_lines l CROSS JOIN LATERAL (
            SELECT coalesce(sum(fl.quantity) FILTER (WHERE f.status <> 'canceled'), 0) AS shipped,
                   coalesce(sum(fl.quantity) FILTER (WHERE f.status = 'delivered'), 0) AS delivered
            FROM fulfillment_lines fl JOIN fulfillments f ON f.id = fl.fulfillment_id
            WHERE fl.order_id = l.order_id AND fl.line = l.line) f
        WHERE (l.quantity_shipped, l.quantity_delivered) <> (f.shipped, f.delivered)
    """,
    "I7 all money that was taken has an event": """
        SELECT o.id, e.captured, o.captured_minor FROM orders o CROSS JOIN LATERAL (
            SELECT coalesce(sum((data -> 'payment' ->> 'amount')::bigint), 0) AS captured FROM event_log
            WHERE subject = o.id AND type IN ('orders.payment.captured', 'orders.payment.late')) e
        WHERE o.captured_minor > e.captured
    """,
    "I7 a live order that is covered does not wait for money": """
        SELECT id FROM orders WHERE status = 'pending' AND authorized_minor + captured_minor >= due_minor
    """,
}
