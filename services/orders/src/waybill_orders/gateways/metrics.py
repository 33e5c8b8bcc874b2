"""What the service counts about its trade, from the signals of committed changes."""

from collections.abc import Sequence
from typing import Any

from prometheus_client import CollectorRegistry, Counter

from waybill_orders.domain.change import Change
from waybill_orders.domain.errors import InsufficientStockError, PriceChangedError, ReferenceTakenError
from waybill_orders.domain.states import TRANSITIONS, Status
from waybill_orders.models.signals import Signals

_REFUSALS = (PriceChangedError, InsufficientStockError, ReferenceTakenError)
_FIRST = (Status.PENDING, Status.CONFIRMED)


class OrderMetrics:
    """Orders placed and refused, and transitions of their status."""

    def __init__(self, registry: CollectorRegistry, signals: Signals) -> None:
        self._created = Counter("orders_created_total", "Orders placed or refused.", ["outcome"], registry=registry)
        transitions = Counter("order_transitions_total", "Changes of status.", ["from", "to"], registry=registry)
        # Each begins at zero, so that a rate sees its first increase.
        for refusal in _REFUSALS:
            self._created.labels(refusal.code)
        edges = [("none", status.value) for status in _FIRST]
        edges += [(status.value, after.value) for status in Status for after in TRANSITIONS[status]]
        self._transitions = {edge: transitions.labels(*edge) for edge in edges}
        self._placed = self._created.labels("placed")
        signals.changes_committed.connect(self._on_changes)
        signals.placement_refused.connect(self._on_refusal)

    def _on_changes(self, _sender: Any, changes: Sequence[Change]) -> None:
        for change in changes:
            before = "none" if change.before is None else change.before.status.value
            if change.before is None:
                self._placed.inc()
            if before != change.after.status.value:
                self._transitions[before, change.after.status.value].inc()

    def _on_refusal(self, _sender: Any, code: str) -> None:
        self._created.labels(code).inc()
