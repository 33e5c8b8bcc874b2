"""Create the charges, their log, the idempotency keys and the webhooks that wait."""

from alembic import op

revision = "0001"
down_revision = None

_TABLES = """
CREATE TABLE charges (
    id text PRIMARY KEY,
    reference text NOT NULL,
    token text NOT NULL,
    currency text NOT NULL,
    capture boolean NOT NULL,
    status text NOT NULL CHECK (status IN ('authorized', 'captured', 'pending', 'declined', 'voided')),
    amount_minor bigint NOT NULL CHECK (amount_minor > 0),
    captured_minor bigint NOT NULL DEFAULT 0,
    refunded_minor bigint NOT NULL DEFAULT 0,
    released_minor bigint NOT NULL DEFAULT 0 CHECK (released_minor >= 0),
    code text,
    settle_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    CHECK (captured_minor + released_minor <= amount_minor),
    CHECK (refunded_minor BETWEEN 0 AND captured_minor)
);
CREATE INDEX charges_reference ON charges (reference);
CREATE INDEX charges_to_settle ON charges (settle_at) WHERE status = 'pending';

CREATE TABLE charge_entries (
    position bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    charge_id text NOT NULL REFERENCES charges (id),
    operation text NOT NULL,
    amount_minor bigint NOT NULL,
    idempotency_key text,
    occurred_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX charge_entries_charge ON charge_entries (charge_id, position);

CREATE TABLE idempotency_keys (
    key text PRIMARY KEY,
    fingerprint bytea NOT NULL,
    status integer,
    body bytea,
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE failures (
    key text PRIMARY KEY,
    count integer NOT NULL
);

CREATE TABLE webhooks (
    position bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id text NOT NULL UNIQUE,
    charge_id text NOT NULL REFERENCES charges (id),
    type text NOT NULL,
    body text NOT NULL,
    attempts integer NOT NULL DEFAULT 0,
    next_at timestamptz NOT NULL DEFAULT now(),
    last_error text,
    delivered_at timestamptz
);
CREATE INDEX webhooks_due ON webhooks (next_at, position) WHERE delivered_at IS NULL;
"""


def upgrade() -> None:
    """Create every table; a charge row is never deleted."""
    op.execute(_TABLES)


def downgrade() -> None:
    """Refuse: the charge log is the one thing a gateway must not lose."""
    raise NotImplementedError("the sandbox's charge log is not dropped; remove its database instead")
