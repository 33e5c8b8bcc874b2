"""A worker as a real process whose one job never ends, so that a test can see what the end of its grace does."""

from __future__ import annotations

import sys
import threading

from prometheus_client import CollectorRegistry
from waybill_common.database import CHANNEL_JOBS, EngineOptions, Listener, make_engine
from waybill_common.health import HealthChecks, begin_process, run_process
from waybill_common.jobs import JobMetrics, JobRun, Outcome, Worker, WorkerOptions
from waybill_common.settings import ServiceSettings

LEASE_SECONDS = 0.9
GRACE_SECONDS = 3.0


class Settings(ServiceSettings):
    service = "auth"


def never_end(_run: JobRun) -> Outcome:
    threading.Event().wait()
    raise AssertionError("nobody sets this event")


def main(database_url: str) -> None:
    settings = Settings(database_url=database_url, amqp_url="amqp://127.0.0.1")  # type: ignore[arg-type]
    stop = begin_process(settings, "worker")
    worker = Worker(
        make_engine(database_url, EngineOptions(application_name="worker")),
        Listener(database_url, [CHANNEL_JOBS], "worker"),
        {"endless": never_end},
        JobMetrics(CollectorRegistry()),
        WorkerOptions(threads=2, poll_seconds=0.2, lease_seconds=LEASE_SECONDS, grace_seconds=GRACE_SECONDS),
    )
    run_process(settings, HealthChecks(CollectorRegistry()), lambda: worker.run(stop))


if __name__ == "__main__":
    main(sys.argv[1])
