"""What happened to a delivery, for whoever keeps books."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class DeliveryNews:
    """How a look at a delivery ended: `outcome` is a state or a failure class, of bounded number."""

    delivery_id: str
    template: str
    channel: str
    outcome: str
    event_at: datetime
    is_alarming: bool = False
