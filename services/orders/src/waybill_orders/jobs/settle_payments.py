"""Every second: end gateway commands that nobody is waiting for any more."""

from collections.abc import Callable

from waybill_common.jobs import Done, JobRun, Outcome
from waybill_common.telemetry import get_logger

KIND = "settle_payments"
EVERY_SECONDS = 1.0
_log = get_logger(__name__)


def settle_payments_job(settle: Callable[[], int]) -> Callable[[JobRun], Outcome]:
    """Return the handler; `settle` is the use case with its adapters fitted in."""

    def handle(run: JobRun) -> Outcome:  # noqa: ARG001 - the rows say what is due
        settle()
        return Done()

    return handle


def report_failure(command_id: str, error: Exception) -> None:
    """Log that a command could not be ended."""
    _log.error("settlement_failed", command_id=command_id, exc_info=error)
