"""A remark on an order."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True)
class Note:
    """What somebody wrote on an order; customers see the public ones."""

    id: str
    order_id: str
    author: str
    text: str
    public: bool
    created_at: datetime
