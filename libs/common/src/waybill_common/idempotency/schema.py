"""The table of idempotency keys, as SQL that a service's migration executes; a released version is never edited."""

# Not partitioned by time: the unique key would have to hold the day, and the same key would pass again after midnight.
IDEMPOTENCY_V1 = """
CREATE TABLE idempotency (
    scope       text NOT NULL,
    key         text NOT NULL,
    fingerprint bytea NOT NULL,
    status      integer,
    location    text,
    etag        text,
    body        bytea,
    created_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (scope, key)
);
CREATE INDEX idempotency_created_at ON idempotency (created_at);
"""
