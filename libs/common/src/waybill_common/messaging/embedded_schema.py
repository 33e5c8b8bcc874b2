"""Tables of the embedded broker, in a database of its own: what is declared, and one row per message and queue."""

from __future__ import annotations

import hashlib

# One lock class for "this owner is alive" and one key for "somebody declares"; both are arbitrary and must not change.
OWNER_LOCK_CLASS = 1_467_054_434
DECLARE_LOCK = 7_305_801_126_417_221

SCHEMA = """
CREATE SCHEMA IF NOT EXISTS broker;
CREATE TABLE IF NOT EXISTS broker.topology (version bigint NOT NULL);
INSERT INTO broker.topology SELECT 0 WHERE NOT EXISTS (SELECT FROM broker.topology);
CREATE TABLE IF NOT EXISTS broker.exchange (name text PRIMARY KEY, kind text NOT NULL, arguments json NOT NULL);
CREATE TABLE IF NOT EXISTS broker.queue (name text PRIMARY KEY, arguments json NOT NULL);
CREATE TABLE IF NOT EXISTS broker.binding (
    exchange text NOT NULL REFERENCES broker.exchange,
    queue text NOT NULL REFERENCES broker.queue,
    pattern text NOT NULL,
    PRIMARY KEY (exchange, queue, pattern)
);
CREATE SEQUENCE IF NOT EXISTS broker.owner AS integer CYCLE;
CREATE TABLE IF NOT EXISTS broker.message (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    queue text NOT NULL,
    routing_key text NOT NULL,
    properties text NOT NULL,
    body bytea NOT NULL,
    expires_at timestamptz,
    owner integer,
    delivery_count integer NOT NULL DEFAULT 0
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 2000, autovacuum_vacuum_cost_delay = 0);
CREATE INDEX IF NOT EXISTS message_ready ON broker.message (queue, id) WHERE owner IS NULL;
CREATE INDEX IF NOT EXISTS message_held ON broker.message (queue, owner) WHERE owner IS NOT NULL;
CREATE INDEX IF NOT EXISTS message_due ON broker.message (expires_at) WHERE expires_at IS NOT NULL;
"""

SCHEMA_EXISTS = "SELECT to_regclass('broker.message_due') IS NOT NULL"


def channel_of(queue: str) -> str:
    """The NOTIFY channel of `queue`; names of channels are at most 63 bytes, those of queues 255."""
    return "broker_" + hashlib.sha256(queue.encode()).hexdigest()[:32]
