-- Money and parcels: attempts, the ledger they fill, refunds, fulfillments, and what the gateway told us.

CREATE TABLE payments (
    id                text PRIMARY KEY,
    order_id          text NOT NULL REFERENCES orders,
    attempt           integer NOT NULL CHECK (attempt > 0),
    status            text NOT NULL CHECK (status IN ('pending', 'authorized', 'captured', 'declined', 'failed', 'voided')),
    method            jsonb NOT NULL,
    capture           boolean NOT NULL,
    currency          text NOT NULL,
    amount_minor      bigint NOT NULL CHECK (amount_minor > 0),
    authorized_minor  bigint NOT NULL DEFAULT 0,
    captured_minor    bigint NOT NULL DEFAULT 0,
    refunded_minor    bigint NOT NULL DEFAULT 0,
    late              boolean NOT NULL DEFAULT false,
    reference         text NOT NULL UNIQUE,
    gateway           text NOT NULL,
    gateway_charge_id text,
    failure_code      text,
    operation         text CHECK (operation IN ('charge', 'capture', 'void')),
    operation_minor   bigint,
    operation_number  integer NOT NULL DEFAULT 0,
    tries             integer NOT NULL DEFAULT 0,
    key_scope         text,
    key               text,
    lease_until       timestamptz,
    actor             text NOT NULL,
    created_at        timestamptz NOT NULL DEFAULT now(),
    updated_at        timestamptz NOT NULL DEFAULT now(),
    UNIQUE (order_id, attempt),
    CONSTRAINT payments_money CHECK (authorized_minor >= 0 AND captured_minor >= 0
        AND refunded_minor BETWEEN 0 AND captured_minor)
);
COMMENT ON COLUMN payments.operation IS 'The gateway command in flight, with its lease and the key row it will answer; null when at rest.';
COMMENT ON COLUMN payments.reference IS 'order:{order}:charge:{attempt}: the stable key under which the gateway knows the attempt.';
CREATE INDEX payments_in_flight ON payments (lease_until) WHERE operation IS NOT NULL;
CREATE UNIQUE INDEX payments_gateway_charge ON payments (gateway, gateway_charge_id) WHERE gateway_charge_id IS NOT NULL;

CREATE TABLE refunds (
    id                text PRIMARY KEY,
    order_id          text NOT NULL REFERENCES orders,
    payment_id        text NOT NULL REFERENCES payments,
    status            text NOT NULL CHECK (status IN ('pending', 'succeeded', 'failed')),
    currency          text NOT NULL,
    amount_minor      bigint NOT NULL CHECK (amount_minor > 0),
    reason            text NOT NULL,
    reference         text NOT NULL UNIQUE,
    failure_code      text,
    key_scope         text,
    key               text,
    lease_until       timestamptz,
    actor             text NOT NULL,
    created_at        timestamptz NOT NULL DEFAULT now(),
    updated_at        timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX refunds_order ON refunds (order_id, created_at);
CREATE INDEX refunds_payment ON refunds (payment_id);
CREATE INDEX refunds_in_flight ON refunds (lease_until) WHERE status = 'pending';

CREATE TABLE payment_entries (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    payment_id   text NOT NULL REFERENCES payments,
    order_id     text NOT NULL REFERENCES orders,
    refund_id    text REFERENCES refunds,
    kind         text NOT NULL CHECK (kind IN ('authorized', 'captured', 'voided', 'refunded', 'declined', 'failed')),
    amount_minor bigint NOT NULL CHECK (amount_minor >= 0),
    reference    text NOT NULL,
    occurred_at  timestamptz NOT NULL DEFAULT now(),
    UNIQUE (payment_id, kind, reference)
);
COMMENT ON TABLE payment_entries IS 'Append-only ledger of money: the sums on payments and orders are its sums.';
CREATE INDEX payment_entries_order ON payment_entries (order_id, id);

CREATE TABLE gateway_events (
    provider    text NOT NULL,
    event_id    text NOT NULL,
    reference   text,
    payload     jsonb NOT NULL,
    parked      boolean NOT NULL DEFAULT false,
    received_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (provider, event_id)
);

CREATE TABLE fulfillments (
    id              text PRIMARY KEY,
    order_id        text NOT NULL REFERENCES orders,
    status          text NOT NULL CHECK (status IN ('shipped', 'delivered', 'canceled')),
    carrier         text,
    tracking_number text,
    actor           text NOT NULL,
    shipped_at      timestamptz NOT NULL DEFAULT now(),
    delivered_at    timestamptz
);
CREATE INDEX fulfillments_order ON fulfillments (order_id, shipped_at);

CREATE TABLE fulfillment_lines (
    fulfillment_id text NOT NULL REFERENCES fulfillments,
    order_id       text NOT NULL,
    line           integer NOT NULL,
    quantity       bigint NOT NULL CHECK (quantity > 0),
    PRIMARY KEY (fulfillment_id, line),
    FOREIGN KEY (order_id, line) REFERENCES order_lines
);
