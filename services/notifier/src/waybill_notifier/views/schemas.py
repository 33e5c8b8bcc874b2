"""Bodies and queries of the notifier's routes."""

from typing import Annotated, Literal

from pydantic import BaseModel, Field
from waybill_common.problems import Input

_Id = Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9_-]+$")]
_Cursor = Annotated[str, Field(max_length=1_000)]
_Limit = Annotated[int, Field(ge=1, le=100)]
StateName = Literal[
    "queued",
    "sending",
    "held",
    "uncertain",
    "sent",
    "delivered",
    "failed",
    "exhausted",
    "bounced",
    "complained",
    "suppressed",
    "skipped",
    "canceled",
]


class PageQuery(Input):
    """Where in a list to continue."""

    cursor: _Cursor | None = None
    limit: _Limit = 20


class DeliveryQuery(PageQuery):
    """Which deliveries to list."""

    order_id: _Id | None = None
    user_id: _Id | None = None
    state: StateName | None = None


class NotificationOut(BaseModel):
    """One entry of an inbox; `title` is in the language of Accept-Language."""

    id: str
    type: str
    title: str
    order_id: str | None
    occurred_at: str
    created_at: str
    read_at: str | None


class NotificationPageOut(BaseModel):
    """One page of an inbox, newest first."""

    data: list[NotificationOut]
    next_cursor: str | None
    has_more: bool


class AttemptOut(BaseModel):
    """One attempt; `outcome` is null while it runs."""

    number: int
    phase: str
    started_at: str
    finished_at: str | None
    outcome: str | None
    stage: str | None
    smtp_code: int | None
    smtp_enhanced: str | None
    smtp_text: str | None


class TransitionOut(BaseModel):
    """One change of state."""

    from_state: str
    to_state: str
    reason: str | None
    cause: str
    actor: str | None
    at: str


class DeliveryOut(BaseModel):
    """One row of the ledger."""

    id: str
    event_id: str
    template: str
    template_version: int
    channel: str
    recipient: str
    order_id: str | None
    state: StateName
    reason: str | None
    message_id: str
    next_attempt_at: str | None
    expires_at: str
    created_at: str
    updated_at: str
    attempts: list[AttemptOut]
    transitions: list[TransitionOut]


class DeliveryPageOut(BaseModel):
    """One page of the ledger, newest first."""

    data: list[DeliveryOut]
    next_cursor: str | None
    has_more: bool
