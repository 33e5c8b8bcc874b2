"""What happened, for bookkeeping that must not change the outcome: metrics, audit trails.

What must not be lost is an event in the log instead.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from blinker import Signal
from waybill_common.telemetry import get_logger

from waybill_orders.domain.change import Change

_log = get_logger(__name__)


@dataclass(frozen=True)
class Signals:
    """The signals of one process: changes of orders once they are committed, placements that were refused, by code."""

    changes_committed: Signal = field(default_factory=Signal)
    placement_refused: Signal = field(default_factory=Signal)

    def committed(self, changes: Sequence[Change]) -> None:
        """Tell about changes whose transaction has committed."""
        if changes:
            self._send(self.changes_committed, changes=changes)

    def refused(self, code: str) -> None:
        """Tell about an order that could not be placed."""
        self._send(self.placement_refused, code=code)

    def _send(self, signal: Signal, **news: Any) -> None:
        try:
            signal.send(self, **news)
        except Exception:  # noqa: BLE001 - the outcome stands; bookkeeping that broke must not say otherwise
            _log.exception("bookkeeping_failed")
