"""Every second: end gateway commands that nobody is waiting for any more."""

from collections.abc import Callable

from waybill_common.jobs import Done, JobRun, Outcome

KIND = "settle_payments"
EVERY_SECONDS = 1.0


def settle_payments_job(settle: Callable[[], int]) -> Callable[[JobRun], Outcome]:
    """Return the handler; `settle` is the use case with its adapters fitted in."""

    def handle(run: JobRun) -> Outcome:  # noqa: ARG001 - the rows say what is due
        settle()
        return Done()

    return handle
