"""The revocation tables as SQL, run by a migration of each service that verifies tokens."""

REVOCATIONS_V1 = """
CREATE TABLE revocation (
    kind text NOT NULL CHECK (kind IN ('sid', 'sub')),
    id text NOT NULL,
    -- sub: tokens issued before this second are refused; sid: null, all of them are
    not_before bigint CHECK ((kind = 'sub') = (not_before IS NOT NULL)),
    -- epoch seconds; no token it could refuse lives longer
    until bigint NOT NULL,
    PRIMARY KEY (kind, id)
);
CREATE INDEX revocation_until ON revocation (until);

CREATE TABLE feed_state (
    the_only_row boolean PRIMARY KEY DEFAULT true CHECK (the_only_row),
    seen_at timestamptz NOT NULL
);
"""
