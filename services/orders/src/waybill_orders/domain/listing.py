"""What is asked of the read side, and what a timeline shows."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal


@dataclass(frozen=True, kw_only=True)
class OrderFilter:
    """Which orders a list shows; None or empty leaves a member out. `created_to` is exclusive."""

    customer_id: str | None = None
    channel: str | None = None
    number: str | None = None
    external_reference: str | None = None
    status: tuple[str, ...] = ()
    payment_status: tuple[str, ...] = ()
    fulfillment_status: tuple[str, ...] = ()
    created_from: datetime | None = None
    created_to: datetime | None = None
    sort: Literal["-created_at", "created_at"] = "-created_at"


@dataclass(frozen=True)
class TimelineEntry:
    """One event of an order's log; `data` is its snapshot."""

    sequence: int
    type: str
    occurred_at: datetime
    actor: str | None
    data: dict[str, Any]
