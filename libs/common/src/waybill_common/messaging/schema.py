"""The tables and the one function of messaging, as SQL that a service's own migration executes."""

from typing import Final

MAX_EVENT_BYTES: Final = 65_536
"""An event as it travels, envelope included; the broker's own limit would close the channel instead of saying so."""

MAX_DATA_BYTES: Final = MAX_EVENT_BYTES - 2_048
"""`data` as PostgreSQL writes it; what is left is for the envelope, so that an insert that passes can be published."""

# No percent sign and no `:name` in here: drivers and SQLAlchemy would take them for parameters.
EVENTS_V1: Final = f"""
CREATE TABLE event_log (
    position        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    event_id        uuid NOT NULL UNIQUE,
    type            text NOT NULL,
    schema_version  smallint NOT NULL DEFAULT 1,
    subject         text NOT NULL,
    sequence        integer CHECK (sequence > 0),
    occurred_at     timestamptz NOT NULL DEFAULT clock_timestamp(),
    actor           text,
    data            jsonb NOT NULL CHECK (jsonb_typeof(data) = 'object'),
    correlation_id  text,
    causation_id    text,
    traceparent     text,
    tracestate      text,
    UNIQUE (subject, sequence)
);
COMMENT ON TABLE event_log IS 'What happened, for ever: the timeline, and what audits compare with.';

-- No foreign key to event_log: it would lock the log row at every insert and delete.
-- Dead rows pile up at the head of the index, where the relay reads; so vacuum early, often and at full speed.
CREATE TABLE outbox (
    position   bigint PRIMARY KEY,
    queued_at  timestamptz NOT NULL DEFAULT clock_timestamp()
) WITH (
    autovacuum_vacuum_scale_factor = 0,
    autovacuum_vacuum_threshold = 1000,
    autovacuum_vacuum_insert_scale_factor = 0,
    autovacuum_vacuum_insert_threshold = 10000,
    autovacuum_analyze_scale_factor = 0,
    autovacuum_analyze_threshold = 10000,
    autovacuum_vacuum_cost_delay = 0
);
COMMENT ON TABLE outbox IS 'Positions of event_log not confirmed by the broker; insert one to publish it again.';

CREATE TABLE outbox_dead (
    position  bigint PRIMARY KEY,
    error     text NOT NULL,
    died_at   timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE outbox_dead IS 'Positions that could not be published, with the reason; they stopped nobody else.';

CREATE FUNCTION append_event(
    event_id uuid, event_type text, subject text, sequence integer, actor text, data jsonb,
    context jsonb DEFAULT NULL, publish boolean DEFAULT true, schema_version smallint DEFAULT 1
) RETURNS bigint LANGUAGE plpgsql AS $function$
DECLARE
    written bigint;
    size_bytes integer := octet_length(data::text);
BEGIN
    IF size_bytes > {MAX_DATA_BYTES} THEN
        RAISE EXCEPTION USING ERRCODE = 'program_limit_exceeded', MESSAGE = concat(
            'event ', event_type, ' of ', subject, ' has ', size_bytes, ' bytes of data; at most ',
            {MAX_DATA_BYTES}, ' may travel: carry ids and let the reader ask for the rest');
    END IF;
    WITH logged AS (
        INSERT INTO event_log AS l (event_id, type, schema_version, subject, sequence, actor, data,
                                    correlation_id, causation_id, traceparent, tracestate)
        VALUES (append_event.event_id, append_event.event_type, append_event.schema_version, append_event.subject,
                append_event.sequence, append_event.actor, append_event.data,
                context ->> 'correlation_id', context ->> 'causation_id',
                context ->> 'traceparent', context ->> 'tracestate')
        RETURNING l.position
    ), queued AS (
        INSERT INTO outbox (position) SELECT logged.position FROM logged WHERE append_event.publish
    )
    SELECT logged.position INTO written FROM logged;
    RETURN written;
END
$function$;
COMMENT ON FUNCTION append_event IS
    'The only writer of event_log and outbox; call it after the row lock of the subject is held.';
"""  # noqa: S608 - one constant is put in
"""event_log, outbox, outbox_dead and `append_event`; for a service that has events.

`append_event` raises SQLSTATE 54000 for an event that is too large to travel and 23505 for a sequence taken twice.
PL/pgSQL is used because it keeps its plan for the session; a function in plain SQL is planned at each call.
"""

INBOX_V1: Final = """
CREATE TABLE inbox (
    consumer     text NOT NULL,
    message_id   text NOT NULL,
    received_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (consumer, message_id)
);
CREATE INDEX inbox_received_at ON inbox USING brin (received_at) WITH (pages_per_range = 16, autosummarize = on);
COMMENT ON TABLE inbox IS 'Messages whose effect is committed, kept 30 days: longer than any outage and replay.';

CREATE TABLE dead_letter (
    id            uuid PRIMARY KEY,
    queue         text NOT NULL,
    message_id    text,
    type          text NOT NULL DEFAULT '',
    headers       jsonb NOT NULL,
    body          bytea NOT NULL,
    body_hash     bytea GENERATED ALWAYS AS (sha256(body)) STORED,
    reason        text NOT NULL,
    error         text NOT NULL,
    first_at      timestamptz NOT NULL,
    last_at       timestamptz NOT NULL DEFAULT clock_timestamp(),
    count         integer NOT NULL DEFAULT 1 CHECK (count > 0),
    state         text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'replay_requested', 'replayed', 'discarded')),
    settled_by    text,
    settled_at    timestamptz,
    UNIQUE NULLS NOT DISTINCT (queue, message_id, body_hash)
);
CREATE INDEX dead_letter_unsettled ON dead_letter (queue, id) WHERE state IN ('open', 'replay_requested');
CREATE INDEX dead_letter_message ON dead_letter (message_id);
COMMENT ON TABLE dead_letter IS 'What this service could not handle, and why; same queue, id and body is one letter.';
"""
"""inbox and dead_letter; for a service that consumes."""
