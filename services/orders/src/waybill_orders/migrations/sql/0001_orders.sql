-- Products, stock and orders. Amounts are whole minor units of the row's currency; times are the database's.

CREATE TABLE channels (
    code            text PRIMARY KEY,
    number_sequence regclass NOT NULL,
    expiry_minutes  integer CHECK (expiry_minutes > 0)
);
COMMENT ON TABLE channels IS 'Where orders come from: each has its own order numbers and, when set, its own time to pay.';
CREATE SEQUENCE order_number_web START 100001;
INSERT INTO channels (code, number_sequence) VALUES ('web', 'order_number_web');

CREATE TABLE products (
    sku              text PRIMARY KEY,
    name             text NOT NULL,
    unit_price_minor bigint NOT NULL CHECK (unit_price_minor BETWEEN 0 AND 9007199254740991),
    currency         text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
    active           boolean NOT NULL,
    created_at       timestamptz NOT NULL DEFAULT now(),
    updated_at       timestamptz NOT NULL DEFAULT now()
);

-- Half-empty pages keep the updates of a hot row heap-only: no index entry is written for a reservation.
CREATE TABLE stock (
    sku      text PRIMARY KEY REFERENCES products,
    on_hand  bigint NOT NULL DEFAULT 0,
    reserved bigint NOT NULL DEFAULT 0,
    CONSTRAINT stock_never_oversold CHECK (reserved BETWEEN 0 AND on_hand)
) WITH (fillfactor = 50);
COMMENT ON COLUMN stock.reserved IS 'Units held by the open lines of pending and confirmed orders; available = on_hand - reserved.';

CREATE TABLE stock_movements (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    sku         text NOT NULL REFERENCES stock,
    delta       bigint NOT NULL CHECK (delta <> 0),
    reason      text NOT NULL,
    order_id    text,
    actor       text NOT NULL,
    occurred_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX stock_movements_sku ON stock_movements (sku, id);
COMMENT ON TABLE stock_movements IS
    'Append-only ledger of on_hand: its sum is on_hand. What is reserved is written on the lines themselves.';

CREATE TABLE orders (
    id                    text PRIMARY KEY,
    channel               text NOT NULL,
    number                text NOT NULL,
    customer_id           text NOT NULL,
    status                text NOT NULL
        CHECK (status IN ('draft', 'pending', 'confirmed', 'completed', 'canceled', 'expired')),
    payment_status        text NOT NULL CHECK (payment_status IN ('none', 'authorized', 'partially_paid', 'paid',
        'partially_refunded', 'refunded', 'voided', 'overpaid')),
    fulfillment_status    text NOT NULL CHECK (fulfillment_status IN ('unfulfilled', 'partial', 'fulfilled', 'delivered',
        'returned', 'partially_returned')),
    currency              text NOT NULL,
    subtotal_minor        bigint NOT NULL,
    discount_minor        bigint NOT NULL,
    shipping_minor        bigint NOT NULL,
    tax_minor             bigint NOT NULL,
    total_minor           bigint NOT NULL,
    due_minor             bigint NOT NULL,
    authorized_minor      bigint NOT NULL DEFAULT 0,
    captured_minor        bigint NOT NULL DEFAULT 0,
    refunded_minor        bigint NOT NULL DEFAULT 0,
    voided                boolean NOT NULL DEFAULT false,
    version               integer NOT NULL CHECK (version > 0),
    placed_at             timestamptz NOT NULL,
    updated_at            timestamptz NOT NULL,
    expires_at            timestamptz,
    payment_pending_until timestamptz,
    shipping_address      jsonb NOT NULL,
    external_reference    text,
    CONSTRAINT orders_number UNIQUE (number, channel),
    CONSTRAINT orders_total CHECK (total_minor = subtotal_minor - discount_minor + shipping_minor + tax_minor),
    CONSTRAINT orders_amounts CHECK (subtotal_minor >= 0 AND discount_minor >= 0 AND shipping_minor >= 0 AND tax_minor >= 0
        AND due_minor BETWEEN 0 AND total_minor AND total_minor <= 9007199254740991),
    CONSTRAINT orders_money CHECK (authorized_minor >= 0 AND refunded_minor BETWEEN 0 AND captured_minor)
) WITH (fillfactor = 85);
COMMENT ON COLUMN orders.version IS 'The sequence of the order''s last event, and its ETag.';
COMMENT ON COLUMN orders.due_minor IS 'The total of the units not cancelled, shipping included while any unit is left.';
COMMENT ON COLUMN orders.authorized_minor IS 'Held by a payment, and neither captured nor voided.';
COMMENT ON COLUMN orders.payment_pending_until IS
    'A payment attempt is at the gateway: expiry waits until then and no longer. Not part of the version.';
CREATE INDEX orders_recent ON orders (placed_at DESC, id DESC);
CREATE INDEX orders_of_customer ON orders (customer_id, placed_at DESC, id DESC);
CREATE INDEX orders_by_status ON orders (status, placed_at DESC, id DESC);
-- The common values are found quickly in the order of time; these two hold the rare ones, so placing does not touch them.
CREATE INDEX orders_by_payment ON orders (payment_status, placed_at DESC, id DESC)
    WHERE payment_status NOT IN ('none', 'paid');
CREATE INDEX orders_by_fulfillment ON orders (fulfillment_status, placed_at DESC, id DESC)
    WHERE fulfillment_status NOT IN ('unfulfilled', 'delivered');
CREATE INDEX orders_unpaid ON orders (expires_at) WHERE status = 'pending';
CREATE UNIQUE INDEX orders_external_reference ON orders (customer_id, channel, external_reference)
    WHERE external_reference IS NOT NULL;

-- No foreign keys from here up to channels, orders and products: each would cost a look-up and a row lock per order placed,
-- all of them on one row of channels. `place_order` is the only writer of these rows, and `orders audit` looks for orphans.
CREATE TABLE order_lines (
    order_id           text NOT NULL,
    line               integer NOT NULL CHECK (line > 0),
    sku                text NOT NULL,
    name               text NOT NULL,
    quantity           bigint NOT NULL CHECK (quantity > 0),
    quantity_canceled  bigint NOT NULL DEFAULT 0,
    quantity_shipped   bigint NOT NULL DEFAULT 0,
    quantity_delivered bigint NOT NULL DEFAULT 0,
    quantity_returned  bigint NOT NULL DEFAULT 0,
    quantity_reserved  bigint NOT NULL,
    unit_price_minor   bigint NOT NULL CHECK (unit_price_minor >= 0),
    discount_minor     bigint NOT NULL,
    tax_minor          bigint NOT NULL,
    total_minor        bigint NOT NULL,
    PRIMARY KEY (order_id, line),
    CONSTRAINT order_lines_total CHECK (total_minor = unit_price_minor * quantity - discount_minor + tax_minor),
    CONSTRAINT order_lines_units CHECK (quantity_canceled >= 0 AND quantity_returned >= 0
        AND quantity_canceled + quantity_shipped <= quantity
        AND quantity_delivered BETWEEN 0 AND quantity_shipped AND quantity_returned <= quantity_shipped
        AND quantity_reserved BETWEEN 0 AND quantity - quantity_canceled - quantity_shipped)
) WITH (fillfactor = 85);
COMMENT ON COLUMN order_lines.quantity_reserved IS
    'The reservation itself: units of stock.reserved that this line holds. Released by the statement that lowers both.';

CREATE TABLE order_notes (
    id         text PRIMARY KEY,
    order_id   text NOT NULL REFERENCES orders,
    author     text NOT NULL,
    text       text NOT NULL,
    public     boolean NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX order_notes_order ON order_notes (order_id, created_at, id);
