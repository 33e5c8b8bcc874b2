"""The tables of lanes and jobs, as SQL that a service's migration executes; a released version is never edited."""

# `job_lane.next_at` is the time of the lane's first job, and while that job runs the end of its lease. A lane without
# pending jobs has no row, so the claim's index holds what is to be done and nothing else.
JOBS_V1 = """
CREATE TABLE job_lane (
    lane    text PRIMARY KEY,
    pending integer NOT NULL CHECK (pending > 0),
    next_at timestamptz NOT NULL,
    token   uuid
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);
CREATE INDEX job_lane_next_at ON job_lane (next_at);
CREATE TABLE job (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    lane          text NOT NULL,
    kind          text NOT NULL,
    payload       jsonb NOT NULL,
    state         text NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'done', 'failed', 'canceled')),
    attempt       integer NOT NULL DEFAULT 0,
    every_seconds double precision,
    next_at       timestamptz NOT NULL DEFAULT now(),
    created_at    timestamptz NOT NULL DEFAULT now(),
    finished_at   timestamptz,
    error         text
);
CREATE INDEX job_pending ON job (lane, id) WHERE state = 'pending';
CREATE INDEX job_finished ON job (finished_at) WHERE state <> 'pending';
"""
