"""The signal of committed changes, for bookkeeping that must not change the outcome: metrics, audit trails.

What must not be lost is an event in the log instead. A receiver that raises is logged and the caller never notices.
"""

from collections.abc import Sequence

from blinker import Signal
from waybill_common.telemetry import get_logger

from waybill_orders.domain.change import Change

changes_committed = Signal("Sent after a commit with `changes`, the changes of orders that it made.")
_log = get_logger(__name__)


def tell_committed(changes: Sequence[Change]) -> None:
    """Tell every receiver about changes whose transaction has committed."""
    if not changes:
        return
    try:
        changes_committed.send(None, changes=changes)
    except Exception:  # noqa: BLE001 - the order is committed; bookkeeping that broke must not say otherwise
        _log.exception("bookkeeping_failed")
