"""Give back the money of one order, again and again until nothing is left to return."""

from collections.abc import Callable
from datetime import timedelta

from waybill_common.clock import utc_now
from waybill_common.jobs import Again, Done, Failed, JobRun, Outcome

from waybill_orders.use_cases.return_money import Progress

KIND = "return_money"
_WAIT_SECONDS = 2.0
_REFUSED_SECONDS = 60.0
_REFUSALS_FOR = timedelta(hours=1)


def return_money_job(return_money: Callable[[str], Progress]) -> Callable[[JobRun], Outcome]:
    """Return the handler; `return_money` is the use case with its adapters fitted in.

    A gateway that refuses is asked again for an hour; then a person has to look at the failed job.
    """

    def handle(run: JobRun) -> Outcome:
        order_id = str(run.payload["order_id"])
        progress = return_money(order_id)
        if progress is Progress.DONE:
            return Done()
        if progress is Progress.WAITING:
            return Again(_WAIT_SECONDS, "a command is in flight at the gateway")
        if utc_now() - run.created_at > _REFUSALS_FOR:
            return Failed(f"the gateway refuses to give back the money of order {order_id}")
        return Again(_REFUSED_SECONDS, "the gateway refused")

    return handle
