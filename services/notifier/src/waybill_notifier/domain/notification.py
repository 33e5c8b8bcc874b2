"""A notification: what happened, for one user."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True)
class NewNotification:
    """What happened, for one user; `facts` are what its mail is made from."""

    id: str
    event_id: str
    user_id: str
    template: str
    order_id: str | None
    facts: Mapping[str, Any]
    occurred_at: datetime


@dataclass(frozen=True)
class Notification:
    """A notification as its user sees it; `facts` are gone after 30 days."""

    id: str
    template: str
    order_id: str | None
    facts: Mapping[str, Any] | None
    occurred_at: datetime
    created_at: datetime
    read_at: datetime | None
