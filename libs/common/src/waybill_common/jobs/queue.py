"""Jobs in: a row of the service's own database, written in the transaction that makes the work necessary."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson
import sqlalchemy as sa

from waybill_common.jobs.trace import carried_trace

_ENQUEUE = sa.text(
    """
    WITH job AS (
        INSERT INTO job (lane, kind, payload, next_at)
        VALUES (:lane, :kind, CAST(:payload AS jsonb), now() + make_interval(secs => :delay)) RETURNING id, next_at
    ), lane AS (
        INSERT INTO job_lane (lane, pending, next_at) SELECT :lane, 1, next_at FROM job
        ON CONFLICT (lane) DO UPDATE SET pending = job_lane.pending + 1
    )
    SELECT id FROM job
    """
)
_RECURRING = sa.text(
    """
    WITH lane AS (
        INSERT INTO job_lane (lane, pending, next_at) VALUES (:lane, 1, now()) ON CONFLICT DO NOTHING RETURNING 1
    ), job AS (
        INSERT INTO job (lane, kind, payload, every_seconds) SELECT :lane, :kind, '{}', :every FROM lane RETURNING 1
    )
    UPDATE job SET every_seconds = :every WHERE lane = :lane AND state = 'pending'
    """
)
# A lane's time is its first job's, and the end of a lease while that job runs: neither is touched here.
_HASTEN = sa.text(
    """
    WITH hastened AS (
        UPDATE job SET next_at = now() WHERE id = :id AND state = 'pending' RETURNING id, lane
    ), lane AS (
        UPDATE job_lane SET next_at = least(job_lane.next_at, now()) FROM hastened
        WHERE job_lane.lane = hastened.lane AND job_lane.token IS NULL AND hastened.id = (
            SELECT min(first.id) FROM job AS first WHERE first.lane = hastened.lane AND first.state = 'pending')
    )
    SELECT 1 FROM hastened
    """
)


@dataclass(frozen=True)
class NewJob:
    """Work to do: jobs of one lane run in the order they came, lanes run side by side; delay in seconds."""

    lane: str
    kind: str
    payload: Mapping[str, Any] = field(default_factory=dict)
    run_in_seconds: float = 0.0


def enqueue(connection: sa.Connection, job: NewJob) -> int:
    """Write a job and return its id; the unit of work then rings `CHANNEL_JOBS`.

    The trace in hand goes with it, beside what the payload says, so that its runs belong to the trace of their cause.
    Several jobs in one transaction go in the order of their lanes' names, or two transactions could deadlock.
    """
    values = {
        "lane": job.lane,
        "kind": job.kind,
        "payload": orjson.dumps({**job.payload, **carried_trace()}).decode(),
        "delay": job.run_in_seconds,
    }
    return int(connection.execute(_ENQUEUE, values).scalar_one())


def hasten(connection: sa.Connection, job_id: int) -> bool:
    """Make a waiting job due now, as far as its lane's order allows; the unit of work then rings `CHANNEL_JOBS`.

    False when the job has ended. One that runs at the moment keeps its lease.
    """
    return connection.execute(_HASTEN, {"id": job_id}).scalar() is not None


def ensure_recurring(connection: sa.Connection, kind: str, every_seconds: float) -> None:
    """Make sure that one job of this kind runs every so many seconds, however many workers there are."""
    connection.execute(_RECURRING, {"lane": f"recurring:{kind}", "kind": kind, "every": every_seconds})
