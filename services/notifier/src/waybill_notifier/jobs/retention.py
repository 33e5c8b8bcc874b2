"""The recurring job that removes what is past its retention."""

from collections.abc import Callable

from waybill_common.jobs import Done, JobRun, Outcome

from waybill_notifier.use_cases.purge_old import Retention, purge_old

KIND = "retention"
EVERY_SECONDS = 3600.0


def retention_handler(retention: Retention) -> Callable[[JobRun], Outcome]:
    """The handler of `retention` jobs."""

    def run_retention(_run: JobRun) -> Outcome:
        purge_old(retention)
        return Done()

    return run_retention
