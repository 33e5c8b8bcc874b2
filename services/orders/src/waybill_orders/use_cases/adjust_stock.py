"""Add units to what is on hand, or take some away."""

from collections.abc import Callable
from dataclasses import dataclass

from waybill_common.idempotency import Answer, KeyRequest

from waybill_orders.domain.products import StockLevel
from waybill_orders.use_cases.ports import UnitOfWorkFactory


@dataclass(frozen=True, kw_only=True)
class AdjustStock:
    """Change what is on hand by `delta` units, for a reason that the ledger keeps."""

    sku: str
    delta: int
    reason: str
    actor: str
    key: KeyRequest


def adjust_stock(
    command: AdjustStock, unit_of_work: UnitOfWorkFactory, render: Callable[[StockLevel], Answer]
) -> Answer:
    """Return the new level.

    Raises ProductNotFoundError, InsufficientStockError when reserved units would lose their ground, KeyReusedError,
    KeyInProgressError.
    """
    with unit_of_work() as work:
        remembered = work.keys.claim(command.key)
        if remembered is not None:
            return remembered
        answer = render(work.stock.adjust(command.sku, command.delta, reason=command.reason, actor=command.actor))
        work.keys.store(command.key, answer)
        return answer
