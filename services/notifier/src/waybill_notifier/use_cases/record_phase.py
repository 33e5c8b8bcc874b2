"""Commit how far an attempt has come, before the next step is taken; `data_sent` is on the disk before the mail ends.

The phases before it say nothing that a retry could get wrong, and become durable with it. They are not fenced by the
job's lane: a run that has lost it is stopped by its attempt, once another worker has closed that, else at `data_sent`.
"""

from waybill_common.jobs import JobRun
from waybill_common.telemetry import fault_point

from waybill_notifier.domain.states import Phase
from waybill_notifier.use_cases.ports import UnitOfWorkFactory


def record_phase(run: JobRun, attempt: int, phase: Phase, unit_of_work: UnitOfWorkFactory) -> None:
    """Write the phase; raises LeaseLostError when another worker has taken over, and then nothing may follow."""
    with unit_of_work() as work:
        if phase is Phase.DATA_SENT:
            work.guard(run)
        work.attempts.advance(run.payload["delivery_id"], attempt, phase)
    if phase is Phase.DATA_SENT:
        fault_point("worker.after_data_sent")
