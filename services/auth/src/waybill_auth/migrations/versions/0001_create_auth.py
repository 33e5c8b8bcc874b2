"""Create accounts, sessions, mail requests, keys, clients, throttle, audit, events and jobs."""

from alembic import op
from waybill_common.idempotency.schema import IDEMPOTENCY_V1
from waybill_common.jobs.schema import JOBS_V1
from waybill_common.messaging.schema import EVENTS_V1, INBOX_V1

revision = "0001"
down_revision = None

_USERS = """
CREATE TABLE users (
    id                 text PRIMARY KEY,
    email              text NOT NULL,
    email_key          text NOT NULL UNIQUE,
    name               text,
    locale             text NOT NULL,
    timezone           text NOT NULL DEFAULT 'UTC',
    password_hash      text,
    roles              text[] NOT NULL DEFAULT '{customer}',
    created_at         timestamptz NOT NULL DEFAULT now(),
    email_verified_at  timestamptz,
    disabled_at        timestamptz,
    tokens_not_before  timestamptz,
    event_sequence     integer NOT NULL DEFAULT 0
);
COMMENT ON COLUMN users.event_sequence IS 'Number of the account''s last event; raised under the row lock.';
CREATE INDEX users_unverified ON users (created_at) WHERE email_verified_at IS NULL;
CREATE INDEX users_not_before ON users (tokens_not_before) WHERE tokens_not_before IS NOT NULL;
"""

_SESSIONS = """
CREATE TABLE sessions (
    id                   text PRIMARY KEY,
    user_id              text NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    client_id            text NOT NULL,
    created_at           timestamptz NOT NULL,
    last_seen_at         timestamptz NOT NULL,
    idle_expires_at      timestamptz NOT NULL,
    absolute_expires_at  timestamptz NOT NULL,
    counter              integer NOT NULL CHECK (counter >= 1),
    hmac_key_enc         bytea NOT NULL,
    rotated_at           timestamptz NOT NULL,
    revoked_at           timestamptz,
    revoked_reason       text,
    amr                  text[] NOT NULL,
    ip                   text,
    user_agent           text
);
CREATE INDEX sessions_live ON sessions (user_id, created_at) WHERE revoked_at IS NULL;
CREATE INDEX sessions_revoked ON sessions (revoked_at) WHERE revoked_at IS NOT NULL;
CREATE INDEX sessions_ended ON sessions (least(idle_expires_at, absolute_expires_at));
CREATE TABLE revoked_token (
    jti    text PRIMARY KEY,
    until  timestamptz NOT NULL
);
COMMENT ON TABLE revoked_token IS 'Tokens of services ended one by one; a person''s token ends with its session.';
"""

_MAIL = """
CREATE TABLE mail_request (
    id             text PRIMARY KEY,
    user_id        text REFERENCES users (id) ON DELETE CASCADE,
    address_key    bytea NOT NULL,
    purpose        text NOT NULL,
    key_version    text NOT NULL,
    created_at     timestamptz NOT NULL,
    expires_at     timestamptz NOT NULL,
    used_at        timestamptz,
    superseded_at  timestamptz
);
CREATE INDEX mail_request_open ON mail_request (user_id, purpose) WHERE used_at IS NULL AND superseded_at IS NULL;
CREATE INDEX mail_request_expires ON mail_request (expires_at);
"""

# Unlogged: a crash of the server empties it, which costs the throttle its memory and nobody an account.
_THROTTLE = """
CREATE UNLOGGED TABLE throttle (
    bucket      bytea PRIMARY KEY,
    hits        integer NOT NULL,
    started_at  timestamptz NOT NULL,
    next_at     timestamptz NOT NULL,
    last_at     timestamptz NOT NULL
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);
CREATE INDEX throttle_last ON throttle (last_at);
"""

_KEYS = """
CREATE TABLE signing_key (
    kid          text PRIMARY KEY,
    alg          text NOT NULL CHECK (alg IN ('ES256', 'RS256')),
    state        text NOT NULL CHECK (state IN ('standby', 'active', 'retiring', 'gone')),
    public_jwk   jsonb NOT NULL,
    private_enc  bytea,
    created_at   timestamptz NOT NULL,
    activate_at  timestamptz NOT NULL,
    retired_at   timestamptz,
    gone_at      timestamptz
);
CREATE UNIQUE INDEX signing_key_active ON signing_key (alg) WHERE state = 'active';
CREATE UNIQUE INDEX signing_key_standby ON signing_key (alg) WHERE state = 'standby';
CREATE TABLE oauth_client (
    id             text PRIMARY KEY,
    secret_hashes  bytea[] NOT NULL,
    audiences      text[] NOT NULL,
    scopes         text[] NOT NULL,
    introspects    text[] NOT NULL,
    updated_at     timestamptz NOT NULL DEFAULT now()
);
"""

_AUDIT = """
CREATE TABLE audit_log (
    position    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at          timestamptz NOT NULL DEFAULT clock_timestamp(),
    actor       text,
    subject     text,
    action      text NOT NULL,
    outcome     text NOT NULL,
    reason      text,
    ip          text,
    user_agent  text,
    request_id  text,
    session_id  text
);
CREATE INDEX audit_log_subject ON audit_log (subject, position);
CREATE FUNCTION audit_log_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'audit_log is append only' USING ERRCODE = 'insufficient_privilege';
END
$$;
CREATE TRIGGER audit_log_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_log
    FOR EACH STATEMENT EXECUTE FUNCTION audit_log_is_append_only();
"""


def upgrade() -> None:
    """Create everything; the dead letters' tables too, so that their routes answer alike in every service."""
    for part in (_USERS, _SESSIONS, _MAIL, _THROTTLE, _KEYS, _AUDIT, EVENTS_V1, INBOX_V1, IDEMPOTENCY_V1, JOBS_V1):
        op.get_bind().exec_driver_sql(part)
