"""End unpaid orders whose time is over, and give their stock back."""

from dataclasses import replace

from waybill_orders.domain.change import Happening, change
from waybill_orders.domain.states import Status
from waybill_orders.use_cases.ports import UnitOfWorkFactory

ACTOR = "system:expiry"
BATCH = 200


def expire_orders(unit_of_work: UnitOfWorkFactory, batch: int = BATCH) -> int:
    """Expire up to `batch` orders in one transaction and return how many; fewer than `batch` means that none are left.

    The guard is in the locking read and again in the write, so a payment that lands at the same moment wins or waits,
    and is never overwritten; any number of workers may do this at once.
    """
    with unit_of_work() as work:
        orders = work.orders.lock_expired(batch)
        if orders:
            now = work.now()
            happening = Happening("order.expired", {"reason": "not_paid_in_time"})
            work.orders.record_changes(
                [
                    change(order, replace(order, status=Status.EXPIRED), [happening], actor=ACTOR, at=now)
                    for order in orders
                ]
            )
        return len(orders)
