"""Notifications, the ledger of deliveries with their attempts and transitions, and refused addresses."""

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import BYTEA, JSONB, UUID

metadata = sa.MetaData()
_moment = sa.DateTime(timezone=True)

notification = sa.Table(
    "notification",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("event_id", UUID(as_uuid=False), nullable=False),
    sa.Column("user_id", sa.Text, nullable=False),
    sa.Column("template", sa.Text, nullable=False),
    sa.Column("order_id", sa.Text),
    sa.Column("facts", JSONB),
    sa.Column("occurred_at", _moment, nullable=False),
    sa.Column("created_at", _moment, nullable=False, server_default=sa.func.now()),
    sa.Column("read_at", _moment),
)

delivery = sa.Table(
    "delivery",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("notification_id", sa.Text, sa.ForeignKey("notification.id"), nullable=False),
    sa.Column("event_id", UUID(as_uuid=False), nullable=False),
    sa.Column("template", sa.Text, nullable=False),
    sa.Column("template_version", sa.Integer, nullable=False),
    sa.Column("recipient", sa.Text, nullable=False),
    sa.Column("channel", sa.Text, nullable=False),
    sa.Column("order_id", sa.Text),
    sa.Column("message_id", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("reason", sa.Text),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("protocol_failures", sa.Integer, nullable=False),
    sa.Column("ambiguities", sa.Integer, nullable=False),
    sa.Column("waits", sa.Integer, nullable=False),
    sa.Column("next_attempt_at", _moment),
    sa.Column("expires_at", _moment, nullable=False),
    sa.Column("event_at", _moment, nullable=False),
    sa.Column("overrides_suppression", sa.Boolean, nullable=False),
    sa.Column("job_id", sa.BigInteger),
    sa.Column("created_at", _moment, nullable=False, server_default=sa.func.now()),
    sa.Column("updated_at", _moment, nullable=False, server_default=sa.func.now()),
)

delivery_attempt = sa.Table(
    "delivery_attempt",
    metadata,
    sa.Column("delivery_id", sa.Text, sa.ForeignKey("delivery.id"), primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("phase", sa.Text, nullable=False),
    sa.Column("started_at", _moment, nullable=False, server_default=sa.func.clock_timestamp()),
    sa.Column("phase_at", _moment, nullable=False, server_default=sa.func.clock_timestamp()),
    sa.Column("finished_at", _moment),
    sa.Column("outcome", sa.Text),
    sa.Column("stage", sa.Text),
    sa.Column("smtp_code", sa.Integer),
    sa.Column("smtp_enhanced", sa.Text),
    sa.Column("smtp_text", sa.Text),
)

delivery_transition = sa.Table(
    "delivery_transition",
    metadata,
    sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
    sa.Column("delivery_id", sa.Text, sa.ForeignKey("delivery.id"), nullable=False),
    sa.Column("from_state", sa.Text, nullable=False),
    sa.Column("to_state", sa.Text, nullable=False),
    sa.Column("reason", sa.Text),
    sa.Column("cause", sa.Text, nullable=False),
    sa.Column("actor", sa.Text),
    sa.Column("at", _moment, nullable=False, server_default=sa.func.clock_timestamp()),
)

suppression = sa.Table(
    "suppression",
    metadata,
    sa.Column("address_hash", BYTEA, primary_key=True),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("delivery_id", sa.Text, nullable=False),
    sa.Column("created_at", _moment, nullable=False, server_default=sa.func.now()),
    sa.Column("expires_at", _moment, nullable=False),
)

address_refusal = sa.Table(
    "address_refusal",
    metadata,
    sa.Column("address_hash", BYTEA, primary_key=True),
    sa.Column("delivery_id", sa.Text, primary_key=True),
    sa.Column("created_at", _moment, nullable=False, server_default=sa.func.now()),
)
