"""Placing orders through two server-side functions: two round trips are all there is."""

from collections.abc import Sequence

import orjson
import psycopg2
import sqlalchemy as sa
from waybill_common.database import CHANNEL_OUTBOX, DirectPool, Doorbell
from waybill_common.idempotency import Answer, KeyInProgressError, KeyRequest, KeyReusedError
from waybill_common.telemetry import fault_point

from waybill_orders.domain.change import Change
from waybill_orders.domain.errors import (
    DomainError,
    InsufficientStockError,
    PriceChangedError,
    ReferenceTakenError,
    Shortage,
)
from waybill_orders.domain.placement import Price, Quote
from waybill_orders.models.placement import placement_json
from waybill_orders.models.signals import Signals
from waybill_orders.repositories.direct import DirectSession

_QUOTE = "SELECT * FROM quote_order(%s, %s)"
_PLACE = "SELECT place_order(%s::jsonb)"
_REPLAY = "SELECT fingerprint, status, location, etag, body FROM idempotency WHERE scope = %s AND key = %s"

_IN_PROGRESS, _PRICE_CHANGED, _INSUFFICIENT = "WB001", "WB002", "WB003"  # raised by place_order
_UNIQUE_VIOLATION = "23505"


class SqlOrderDesk(DirectSession):
    """Adapter of the port `OrderDesk`.

    Each statement is a transaction of its own and may be sent again: `quote_order` only reads, and `place_order` finds
    its own key when the first try had committed after all.
    """

    def __init__(self, pool: DirectPool, doorbell: Doorbell, signals: Signals | None = None) -> None:
        super().__init__(pool)
        self._doorbell = doorbell
        self._signals = signals or Signals()

    def quote(self, channel: str, skus: Sequence[str]) -> Quote:
        """Return today's prices; raises sqlalchemy.exc.DBAPIError when the database is away."""
        rows = self.fetch(_QUOTE, (channel, list(skus)))
        quoted_at, number, expiry_minutes = rows[0][:3]
        prices = {row[3]: Price(*row[3:]) for row in rows if row[3] is not None}
        return Quote(quoted_at, str(number), expiry_minutes, prices)

    def place(self, change: Change, key: KeyRequest, answer: Answer, note: str | None) -> bool:
        """Write an order whole and ring the relay; False when the key is known."""
        command = placement_json(change, key, answer, note)
        try:
            is_placed = bool(self.fetch(_PLACE, (command.decode(),))[0][0])
        except sa.exc.DBAPIError as error:
            refusal = _refusal(error.orig, change, key)
            if refusal is None:
                raise
            if isinstance(refusal, DomainError):
                self._signals.refused(refusal.code)
            raise refusal from error
        if is_placed:
            fault_point("web.after_commit")
            self._doorbell.ring(CHANNEL_OUTBOX)
            self._signals.committed([change])
        return is_placed

    def replay(self, request: KeyRequest) -> Answer | None:
        """Return what the key answered; raises KeyReusedError for another request, KeyInProgressError for none yet."""
        rows = self.fetch(_REPLAY, (request.scope, request.key))
        if not rows:
            return None
        fingerprint, status, location, etag, body = rows[0]
        if bytes(fingerprint) != request.fingerprint:
            raise KeyReusedError(request.key)
        if status is None:
            raise KeyInProgressError(request.key)
        return Answer(status, bytes(body), location, etag, replayed=True)


def _refusal(error: BaseException | None, change: Change, key: KeyRequest) -> Exception | None:
    """Return the refusal that the function raised, None when the database itself failed."""
    if not isinstance(error, psycopg2.Error):
        return None
    if error.pgcode == _IN_PROGRESS:
        return KeyInProgressError(key.key)
    if error.pgcode == _PRICE_CHANGED:
        return PriceChangedError()
    if error.pgcode == _INSUFFICIENT:
        return InsufficientStockError([Shortage(**item) for item in orjson.loads(error.diag.message_detail or "[]")])
    if error.pgcode == _UNIQUE_VIOLATION and error.diag.constraint_name == "orders_external_reference":
        return ReferenceTakenError(change.after.external_reference or "")
    return None
