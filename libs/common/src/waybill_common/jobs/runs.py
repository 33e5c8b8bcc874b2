"""One run of a job: how it is claimed, guarded by its fencing token, renewed and ended."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from waybill_common.database import COMMIT_LAZILY
from waybill_common.jobs.trace import NO_TRACE, JobTrace, split_payload

# A claim that a crash of the database undoes is one whose lease was lost: its token guards every write.
_CLAIM = sa.text(
    f"""
    WITH due AS (
        SELECT lane FROM job_lane WHERE next_at <= now() ORDER BY next_at LIMIT :most FOR UPDATE SKIP LOCKED
    )
    UPDATE job_lane SET token = gen_random_uuid(), next_at = now() + make_interval(secs => :lease)
    FROM due WHERE job_lane.lane = due.lane RETURNING job_lane.lane, job_lane.token::text AS token, {COMMIT_LAZILY}
    """  # noqa: S608 - a constant
)
# A statement of its own, so that it sees what was committed until the lanes were ours: in one statement with the claim,
# a job that another worker finished between the snapshot and the lock would be handed out again.
_FIRST = sa.text(
    """
    SELECT job.id, job.lane, job.kind, job.payload, job.attempt, job.every_seconds, job.created_at
    FROM unnest(CAST(:lanes AS text[])) AS claimed(lane) CROSS JOIN LATERAL (
        SELECT * FROM job WHERE job.lane = claimed.lane AND job.state = 'pending' ORDER BY job.id LIMIT 1
    ) AS job
    """
)
_GUARD = sa.text("SELECT 1 FROM job_lane WHERE lane = :lane AND token = CAST(:token AS uuid) FOR UPDATE")
_GUARD_LAZILY = sa.text(_GUARD.text.replace("SELECT 1", f"SELECT 1, {COMMIT_LAZILY}"))
_RENEW = sa.text(
    "UPDATE job_lane SET next_at = now() + make_interval(secs => :lease) "
    "WHERE lane = :lane AND token = CAST(:token AS uuid) RETURNING 1"
)
_AGAIN = sa.text(
    """
    WITH job AS (
        UPDATE job SET attempt = :attempt, error = :error, next_at = now() + make_interval(secs => :delay)
        WHERE id = :id AND state = 'pending' RETURNING lane, next_at
    )
    UPDATE job_lane SET token = NULL, next_at = job.next_at FROM job WHERE job_lane.lane = job.lane
    """
)
_FINISH = sa.text("UPDATE job SET state = :state, error = :error, finished_at = now() WHERE id = :id")
_NEXT = sa.text("SELECT next_at FROM job WHERE lane = :lane AND state = 'pending' ORDER BY id LIMIT 1")
_ADVANCE = sa.text("UPDATE job_lane SET pending = pending - 1, token = NULL, next_at = :next_at WHERE lane = :lane")
_CLOSE = sa.text("DELETE FROM job_lane WHERE lane = :lane")
_REMOVE_OLD = sa.text(
    "DELETE FROM job WHERE id IN (SELECT id FROM job WHERE state <> 'pending' "
    "AND finished_at < now() - make_interval(days => :days) ORDER BY finished_at LIMIT :most)"
)
OLDEST_DUE = sa.text(
    "SELECT coalesce(extract(epoch FROM now() - min(next_at)), 0) FROM job_lane WHERE next_at <= now()"
)


class LeaseLostError(Exception):
    """Another worker holds the lane by now; whatever this run was about to write must not be written."""


@dataclass(frozen=True)
class JobRun:
    """A claimed job. `attempt` counts from 1; `token` is the fencing token of this claim."""

    job_id: int
    lane: str
    kind: str
    payload: Mapping[str, Any]
    attempt: int
    token: str
    created_at: datetime
    every_seconds: float | None = None
    trace: JobTrace = NO_TRACE


@dataclass(frozen=True)
class Done:
    """The work is done, or there was none left to do."""


@dataclass(frozen=True)
class Again:
    """Run the job again after so many seconds; the lane waits with it."""

    in_seconds: float
    error: str | None = None


@dataclass(frozen=True)
class Failed:
    """The job ends without success and the lane goes on; the error stays with the row."""

    error: str


Outcome = Done | Again | Failed


def claim(connection: sa.Connection, most: int, lease_seconds: float) -> list[JobRun]:
    """Claim up to `most` due lanes, oldest first, and return the first job of each; times are the database's."""
    tokens = {row.lane: row.token for row in connection.execute(_CLAIM, {"most": most, "lease": lease_seconds})}
    if not tokens:
        return []
    return [_run(row, tokens[row.lane]) for row in connection.execute(_FIRST, {"lanes": list(tokens)})]


def guard(connection: sa.Connection, run: JobRun, *, commit_lazily: bool = False) -> None:
    """Hold the claim until this transaction ends; raises LeaseLostError when it is not ours any more.

    With `commit_lazily` the commit does not wait for the disk; the next one that does makes it durable with itself. For
    what a crash of the database may undo, as long as nothing is done outside on its strength before then.
    """
    statement = _GUARD_LAZILY if commit_lazily else _GUARD
    if connection.execute(statement, {"lane": run.lane, "token": run.token}).scalar() is None:
        raise LeaseLostError(f"job {run.job_id} in lane {run.lane} was claimed by another worker")


def renew(connection: sa.Connection, run: JobRun, lease_seconds: float) -> bool:
    """Lengthen the lease; False when it is not ours any more."""
    values = {"lane": run.lane, "token": run.token, "lease": lease_seconds}
    return connection.execute(_RENEW, values).scalar() is not None


def end(connection: sa.Connection, run: JobRun, outcome: Outcome) -> None:
    """Write how the run ended; raises LeaseLostError, and writes nothing, when the claim is not ours any more."""
    guard(connection, run)
    if isinstance(outcome, Again):
        _schedule(connection, run, (outcome.in_seconds, run.attempt, outcome.error))
    elif run.every_seconds is not None:
        error = outcome.error if isinstance(outcome, Failed) else None
        _schedule(connection, run, (run.every_seconds, 0, error))
    else:
        state, error = ("failed", outcome.error) if isinstance(outcome, Failed) else ("done", None)
        connection.execute(_FINISH, {"id": run.job_id, "state": state, "error": error})
        next_at = connection.execute(_NEXT, {"lane": run.lane}).scalar()
        if next_at is None:
            connection.execute(_CLOSE, {"lane": run.lane})
        else:
            connection.execute(_ADVANCE, {"lane": run.lane, "next_at": next_at})


def remove_old_jobs(connection: sa.Connection, days: int, most: int = 1_000) -> int:
    """Remove at most `most` finished jobs older than `days` and return how many went."""
    return connection.execute(_REMOVE_OLD, {"days": days, "most": most}).rowcount


def _run(row: Any, token: str) -> JobRun:
    payload, trace = split_payload(row.payload)
    return JobRun(
        job_id=row.id,
        lane=row.lane,
        kind=row.kind,
        payload=payload,
        attempt=row.attempt + 1,
        token=token,
        created_at=row.created_at,
        every_seconds=row.every_seconds,
        trace=trace,
    )


def _schedule(connection: sa.Connection, run: JobRun, when: tuple[float, int, str | None]) -> None:
    delay, attempt, error = when
    connection.execute(_AGAIN, {"id": run.job_id, "delay": delay, "attempt": attempt, "error": error})
