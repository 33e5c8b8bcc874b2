"""Create notifications, deliveries with attempts and transitions, refused addresses, and the library's tables."""

from alembic import op
from waybill_common.idempotency.schema import IDEMPOTENCY_V1
from waybill_common.jobs.schema import JOBS_V1
from waybill_common.messaging.schema import EVENTS_V1, INBOX_V1
from waybill_common.tokens.schema import REVOCATIONS_V1

revision = "0001"
down_revision = None

_NOTIFICATION = """
CREATE TABLE notification (
    id          text PRIMARY KEY,
    event_id    uuid NOT NULL,
    user_id     text NOT NULL,
    template    text NOT NULL,
    order_id    text,
    facts       jsonb,
    occurred_at timestamptz NOT NULL,
    created_at  timestamptz NOT NULL DEFAULT now(),
    read_at     timestamptz,
    UNIQUE (event_id, template, user_id)
);
COMMENT ON COLUMN notification.facts IS 'What the event said, as far as the mail needs it; removed after 30 days.';
CREATE INDEX notification_inbox ON notification (user_id, id DESC);
CREATE INDEX notification_with_facts ON notification (created_at) WHERE facts IS NOT NULL;
"""

# `sending` and the waits are few among many ended rows: partial indexes for what operators ask.
_DELIVERY = """
CREATE TABLE delivery (
    id                    text PRIMARY KEY,
    notification_id       text NOT NULL REFERENCES notification (id) ON DELETE CASCADE,
    event_id              uuid NOT NULL,
    template              text NOT NULL,
    template_version      integer NOT NULL,
    recipient             text NOT NULL,
    channel               text NOT NULL CHECK (channel IN ('email')),
    order_id              text,
    message_id            text NOT NULL UNIQUE,
    state                 text NOT NULL DEFAULT 'queued' CHECK (state IN (
        'queued', 'sending', 'held', 'uncertain', 'sent', 'delivered', 'failed', 'exhausted', 'bounced', 'complained',
        'suppressed', 'skipped', 'canceled')),
    reason                text,
    attempts              integer NOT NULL DEFAULT 0,
    protocol_failures     integer NOT NULL DEFAULT 0,
    ambiguities           integer NOT NULL DEFAULT 0,
    waits                 integer NOT NULL DEFAULT 0,
    next_attempt_at       timestamptz,
    expires_at            timestamptz NOT NULL,
    event_at              timestamptz NOT NULL,
    overrides_suppression boolean NOT NULL DEFAULT false,
    job_id                bigint,
    created_at            timestamptz NOT NULL DEFAULT now(),
    updated_at            timestamptz NOT NULL DEFAULT now(),
    UNIQUE (event_id, template, recipient, channel)
) WITH (fillfactor = 80);
CREATE INDEX delivery_order ON delivery (order_id, id DESC) WHERE order_id IS NOT NULL;
CREATE INDEX delivery_recipient ON delivery (recipient, id DESC);
CREATE INDEX delivery_state ON delivery (state, id DESC);
CREATE INDEX delivery_created ON delivery (created_at);
CREATE INDEX delivery_notification ON delivery (notification_id);

CREATE TABLE delivery_attempt (
    delivery_id   text NOT NULL REFERENCES delivery (id) ON DELETE CASCADE,
    number        integer NOT NULL CHECK (number > 0),
    phase         text NOT NULL CHECK (phase IN ('claimed', 'connected', 'envelope', 'data_sent', 'done')),
    started_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    phase_at      timestamptz NOT NULL DEFAULT clock_timestamp(),
    finished_at   timestamptz,
    outcome       text,
    stage         text,
    smtp_code     integer,
    smtp_enhanced text,
    smtp_text     text,
    PRIMARY KEY (delivery_id, number),
    CHECK ((finished_at IS NULL) = (outcome IS NULL))
) WITH (fillfactor = 80);
CREATE UNIQUE INDEX delivery_attempt_open ON delivery_attempt (delivery_id) WHERE finished_at IS NULL;

CREATE TABLE delivery_transition (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    delivery_id text NOT NULL REFERENCES delivery (id) ON DELETE CASCADE,
    from_state  text NOT NULL,
    to_state    text NOT NULL,
    reason      text,
    cause       text NOT NULL,
    actor       text,
    at          timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX delivery_transition_delivery ON delivery_transition (delivery_id, id);
"""

_REFUSED = """
CREATE TABLE suppression (
    address_hash bytea PRIMARY KEY,
    reason       text NOT NULL,
    delivery_id  text NOT NULL,
    created_at   timestamptz NOT NULL DEFAULT now(),
    expires_at   timestamptz NOT NULL
);
COMMENT ON TABLE suppression IS 'Addresses that a server refused for good, by keyed hash; no address is stored.';
CREATE TABLE address_refusal (
    address_hash bytea NOT NULL,
    delivery_id  text NOT NULL,
    created_at   timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (address_hash, delivery_id)
);
"""


def upgrade() -> None:
    """Run the statements; there is no way back."""
    for statements in (
        EVENTS_V1,
        INBOX_V1,
        JOBS_V1,
        IDEMPOTENCY_V1,
        REVOCATIONS_V1,
        _NOTIFICATION,
        _DELIVERY,
        _REFUSED,
    ):
        op.execute(statements)
