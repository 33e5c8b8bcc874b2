"""Place an order: price it, render its answer, and write everything in one statement."""

from dataclasses import dataclass

from waybill_common.idempotency import Answer, KeyInProgressError, KeyRequest

from waybill_orders.domain.change import place
from waybill_orders.domain.errors import DomainError, PriceChangedError
from waybill_orders.domain.placement import Wish, compose
from waybill_orders.use_cases.ports import OpenOrderDesk, OrderDesk, RenderOrder

_TRIES = 3


@dataclass(frozen=True, kw_only=True)
class PlaceOrder:
    """A keyed wish; `note` is the customer's remark, `expiry_minutes` the time to pay where the channel sets none."""

    wish: Wish
    key: KeyRequest
    note: str | None
    expiry_minutes: int


def place_order(command: PlaceOrder, open_desk: OpenOrderDesk, render: RenderOrder) -> Answer:
    """Return the answer of the order placed now, or of the first request under the same key.

    Raises FieldRefusedError, CurrencyMismatchError, TotalDriftError, InsufficientStockError, ReferenceTakenError;
    KeyReusedError and KeyInProgressError for the key; PriceChangedError when prices moved between reading and writing
    three times in a row. A price that moved once is read again: an order is placed at today's price or, with
    `expected_total`, refused.
    """
    with open_desk() as desk:
        for _ in range(_TRIES):
            try:
                return _attempt(command, desk, render)
            except PriceChangedError:
                continue
    raise PriceChangedError


def _attempt(command: PlaceOrder, desk: OrderDesk, render: RenderOrder) -> Answer:
    quote = desk.quote(command.wish.channel, sorted({wanted.sku for wanted in command.wish.lines}))
    try:
        order = compose(command.wish, quote, command.expiry_minutes)
    except DomainError:
        # What was placed under this key stays placed, though the same wish would be refused today.
        remembered = desk.replay(command.key)
        if remembered is not None:
            return remembered
        raise
    change = place(order, actor=order.customer_id)
    answer = render(change.after)
    if desk.place(change, command.key, answer, command.note):
        return answer
    remembered = desk.replay(command.key)
    if remembered is None:
        raise KeyInProgressError(command.key.key)
    return remembered
