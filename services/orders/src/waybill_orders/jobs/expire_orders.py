"""Every few seconds: end unpaid orders whose time is over."""

from collections.abc import Callable

from waybill_common.jobs import Again, Done, JobRun, Outcome

from waybill_orders.use_cases.expire_orders import BATCH

KIND = "expire_orders"
_MOST_BATCHES = 50


def expire_orders_job(expire: Callable[[int], int]) -> Callable[[JobRun], Outcome]:
    """Return the handler; `expire` is the use case with its adapters fitted in, one batch a transaction."""

    def handle(_run: JobRun) -> Outcome:
        for _ in range(_MOST_BATCHES):
            if expire(BATCH) < BATCH:
                return Done()
        return Again(0.0)

    return handle
