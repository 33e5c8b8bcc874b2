"""Lanes and jobs on real PostgreSQL: order, leases, fencing, recurring work, and what a kill leaves."""

import signal
import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path

import psycopg2
import pytest
import sqlalchemy as sa
import waybill_common.jobs.worker as worker_module
from prometheus_client import CollectorRegistry
from waybill_common.database import CHANNEL_JOBS, Doorbell, EngineOptions, Listener, make_engine
from waybill_common.jobs import (
    JOBS_V1,
    Again,
    Done,
    Failed,
    JobMetrics,
    LeaseLostError,
    NewJob,
    Worker,
    WorkerOptions,
    enqueue,
    ensure_recurring,
    guard,
)
from waybill_common.jobs.runs import claim, end
from waybill_testkit.waiting import eventually

from .worker_process import LEASE_SECONDS

pytestmark = pytest.mark.integration
WORKER_PROCESS = Path(__file__).with_name("worker_process.py")


def build(url):
    engine = make_engine(url, EngineOptions(application_name="build"))
    with engine.begin() as connection:
        connection.execute(sa.text(JOBS_V1))
    engine.dispose()


@pytest.fixture
def url(fresh_database):
    return fresh_database("jobs", build)


@pytest.fixture
def engine(url):
    engine = make_engine(url, EngineOptions(application_name="test", pool_size=10))
    yield engine
    engine.dispose()


@pytest.fixture
def start(url, engine):
    stop, threads = threading.Event(), []

    def run(handlers, **options):
        worker = Worker(
            engine,
            Listener(url, [CHANNEL_JOBS], "test"),
            handlers,
            JobMetrics(CollectorRegistry()),
            WorkerOptions(**{"threads": 4, "poll_seconds": 0.2, **options}),
        )
        threads.append(threading.Thread(target=worker.run, args=(stop,)))
        threads[-1].start()

    yield run
    stop.set()
    with engine.begin() as connection:
        connection.execute(sa.text(f"NOTIFY {CHANNEL_JOBS}"))
    for thread in threads:
        thread.join(timeout=60)
        assert not thread.is_alive()


def put(engine, *jobs):
    with engine.begin() as connection:
        return [enqueue(connection, job) for job in jobs]


def count(engine, query):
    with engine.begin() as connection:
        return connection.execute(sa.text(query)).scalar_one()


def test_jobs_of_one_lane_run_in_order_and_lanes_side_by_side(engine, start):
    seen: dict[str, list[int]] = {"a": [], "b": [], "c": []}
    running, overlaps = Counter(), []

    def handler(run):
        running[run.lane] += 1
        overlaps.append(running[run.lane] > 1)
        seen[run.lane].append(run.payload["n"])
        running[run.lane] -= 1
        return Done()

    put(engine, *(NewJob(lane, "count", {"n": n}) for n in range(20) for lane in "abc"))
    start({"count": handler})
    start({"count": handler})
    assert eventually(lambda: all(numbers == list(range(20)) for numbers in seen.values()))
    assert not any(overlaps)
    assert eventually(lambda: count(engine, "SELECT count(*) FROM job_lane") == 0)
    assert count(engine, "SELECT count(*) FROM job WHERE state = 'done'") == 60


def test_a_job_that_asks_for_another_run_holds_its_lane(engine, start):
    seen = []

    def handler(run):
        seen.append((run.payload["n"], run.attempt))
        return Again(0.05, "not yet") if run.attempt < 3 and run.payload["n"] == 1 else Done()

    put(engine, NewJob("a", "x", {"n": 1}), NewJob("a", "x", {"n": 2}))
    start({"x": handler})
    assert eventually(lambda: seen == [(1, 1), (1, 2), (1, 3), (2, 1)])


def test_a_failed_job_keeps_its_error_and_lets_the_lane_go_on(engine, start):
    seen = []
    put(engine, NewJob("a", "bad"), NewJob("a", "good"))
    start({"bad": lambda _: Failed("broken for good"), "good": lambda run: seen.append(run.job_id) or Done()})
    assert eventually(lambda: len(seen) == 1)
    assert count(engine, "SELECT error FROM job WHERE kind = 'bad' AND state = 'failed'") == "broken for good"


def test_a_handler_that_raises_is_run_again(engine, start):
    attempts = []

    def handler(run):
        attempts.append(run.attempt)
        if run.attempt == 1:
            raise RuntimeError("once")
        return Done()

    put(engine, NewJob("a", "x"))
    start({"x": handler}, longest_retry_seconds=0.05)
    assert eventually(lambda: attempts == [1, 2])


def test_a_rolled_back_transaction_leaves_no_job(engine):
    with engine.connect() as connection:
        enqueue(connection, NewJob("a", "x"))
        connection.rollback()
    assert count(engine, "SELECT count(*) FROM job") + count(engine, "SELECT count(*) FROM job_lane") == 0


def test_a_lost_lease_is_claimed_again_and_the_first_run_is_fenced_off(engine):
    put(engine, NewJob("a", "x"))
    with engine.begin() as connection:
        (first,) = claim(connection, 5, lease_seconds=0.0)
    with engine.begin() as connection:
        (second,) = claim(connection, 5, lease_seconds=60.0)
    assert (first.job_id, first.token == second.token) == (second.job_id, False)
    with pytest.raises(LeaseLostError), engine.begin() as connection:
        guard(connection, first)
    with pytest.raises(LeaseLostError), engine.begin() as connection:
        end(connection, first, Done())
    with engine.begin() as connection:
        end(connection, second, Done())
    assert count(engine, "SELECT state FROM job") == "done"


# Stands in for `now()` in the search for due lanes, so that a test can hold a claim between its snapshot and its lock.
HOLD_THE_SEARCH = """
CREATE SCHEMA held;
CREATE FUNCTION held.now() RETURNS timestamptz LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    PERFORM pg_advisory_xact_lock_shared(1);
    RETURN pg_catalog.now();
END $$;
"""
IS_HELD = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"


def test_a_job_that_ended_while_its_lane_was_being_claimed_is_not_handed_out_again(engine):
    first, second = put(engine, NewJob("a", "x"), NewJob("a", "x"))
    with engine.begin() as connection:
        connection.execute(sa.text(HOLD_THE_SEARCH))
    late: list[int] = []

    def claim_late():
        with engine.begin() as connection:
            connection.execute(sa.text("SET LOCAL search_path = held, pg_catalog, public"))
            late.extend(run.job_id for run in claim(connection, 5, lease_seconds=60.0))

    claiming = threading.Thread(target=claim_late)
    with engine.begin() as holding:
        holding.execute(sa.text("SELECT pg_advisory_xact_lock(1)"))
        claiming.start()
        assert eventually(lambda: count(engine, IS_HELD) == 1)
        with engine.begin() as connection:
            (run,) = claim(connection, 5, lease_seconds=60.0)
        with engine.begin() as connection:
            end(connection, run, Done())
    claiming.join(timeout=60)
    assert (run.job_id, late) == (first, [second])


def test_a_lease_is_renewed_while_the_work_runs(engine, start):
    release, runs = threading.Event(), []

    def handler(run):
        runs.append(run.token)
        release.wait(timeout=60)
        return Done()

    put(engine, NewJob("slow", "x"))
    start({"x": handler}, lease_seconds=0.6)
    assert eventually(lambda: len(runs) == 1)
    renewed_past = count(engine, "SELECT extract(epoch FROM next_at) FROM job_lane")
    assert eventually(lambda: count(engine, "SELECT extract(epoch FROM next_at) FROM job_lane") > renewed_past + 1)
    release.set()
    assert eventually(lambda: count(engine, "SELECT count(*) FROM job_lane") == 0)
    assert len(runs) == 1


def test_recurring_work_has_one_row_however_many_workers_and_runs_again(engine, start):
    seen = []
    for _ in range(3):
        start({"sweep": lambda run: seen.append(run.job_id) or Done()}, recurring={"sweep": 0.05})
    assert eventually(lambda: len(seen) >= 3)
    assert len(set(seen)) == 1
    assert count(engine, "SELECT count(*) FROM job") == 1


def test_a_worker_that_starts_while_the_database_is_away_writes_its_recurring_work_later(engine, start, monkeypatch):
    failures = iter([psycopg2.OperationalError("away")] * 2)

    def write_with_outages(connection, kind, seconds):
        for error in failures:
            raise sa.exc.OperationalError("INSERT", None, error)
        ensure_recurring(connection, kind, seconds)

    monkeypatch.setattr(worker_module, "ensure_recurring", write_with_outages)
    seen = []
    start({"sweep": lambda run: seen.append(run.job_id) or Done()}, recurring={"sweep": 0.05})
    assert eventually(lambda: len(seen) >= 2)


def test_the_doorbell_wakes_a_worker_long_before_its_poll(url, engine, start):
    seen = threading.Event()
    start({"x": lambda _: seen.set() or Done()}, poll_seconds=300.0)
    bell = Doorbell(url, "test")
    listening = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'test-listener'"
    assert eventually(lambda: count(engine, listening) == 1)
    put(engine, NewJob("a", "x"))
    bell.ring(CHANNEL_JOBS)
    assert seen.wait(timeout=60)
    bell.close()


def test_many_workers_run_each_job_once(engine, start):
    seen, lock = Counter(), threading.Lock()

    def handler(run):
        with lock:
            seen[run.job_id] += 1
        return Done()

    ids = put(engine, *(NewJob(f"lane-{n:03}", "x") for n in range(200)))
    for _ in range(3):
        start({"x": handler})
    assert eventually(lambda: len(seen) == 200)
    assert eventually(lambda: count(engine, "SELECT count(*) FROM job_lane") == 0)
    assert dict(seen) == dict.fromkeys(ids, 1)


def test_the_end_of_a_run_is_written_when_the_database_is_back(engine, start, monkeypatch):
    """A lease of an hour: were the end given up, the lane would stand still for as long."""
    failures = iter([psycopg2.OperationalError("away")] * 2)
    original = worker_module.end

    def end_with_outages(connection, run, outcome):
        for error in failures:
            raise sa.exc.OperationalError("UPDATE", None, error)
        original(connection, run, outcome)

    monkeypatch.setattr(worker_module, "end", end_with_outages)
    put(engine, NewJob("a", "x"))
    start({"x": lambda _: Done()}, lease_seconds=3600.0)
    assert eventually(lambda: count(engine, "SELECT count(*) FROM job_lane") == 0)
    assert count(engine, "SELECT state FROM job") == "done"


def test_a_job_that_outlives_the_grace_keeps_its_lease_until_its_process_ends_for_certain(url, engine, start, tmp_path):
    put(engine, NewJob("a", "endless"))
    log = tmp_path / "log"
    with log.open("wb") as stderr, subprocess.Popen([sys.executable, WORKER_PROCESS, url], stderr=stderr) as process:
        try:
            assert eventually(lambda: count(engine, "SELECT count(*) FROM job_lane WHERE token IS NOT NULL") == 1)
            process.send_signal(signal.SIGTERM)
            asked_at = count(engine, "SELECT extract(epoch FROM clock_timestamp())")
            assert process.wait(30) == 1
        finally:
            process.kill()
    assert "process_cut_short" in log.read_text()
    lease_end = count(engine, "SELECT extract(epoch FROM next_at) FROM job_lane")
    assert lease_end > float(asked_at) + 2 * LEASE_SECONDS, "renewed while it drained"
    seen = []
    start({"endless": lambda run: seen.append(run.lane) or Done()})
    assert eventually(lambda: count(engine, "SELECT count(*) FROM job_lane") == 0)
    assert seen == ["a"]
