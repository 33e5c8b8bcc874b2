"""Work inside one service: rows in its own database, claimed by lane with a lease and a fencing token."""

from waybill_common.jobs.metrics import JobMetrics
from waybill_common.jobs.queue import NewJob, enqueue, ensure_recurring, hasten
from waybill_common.jobs.runs import Again, Done, Failed, JobRun, LeaseLostError, Outcome, guard, remove_old_jobs
from waybill_common.jobs.schema import JOBS_V1
from waybill_common.jobs.worker import Handler, Worker, WorkerOptions

__all__ = [
    "JOBS_V1",
    "Again",
    "Done",
    "Failed",
    "Handler",
    "JobMetrics",
    "JobRun",
    "LeaseLostError",
    "NewJob",
    "Outcome",
    "Worker",
    "WorkerOptions",
    "enqueue",
    "ensure_recurring",
    "guard",
    "hasten",
    "remove_old_jobs",
]
