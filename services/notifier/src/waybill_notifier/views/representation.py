"""Makes JSON of what the notifier keeps."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import orjson
from pydantic import BaseModel
from waybill_common.clock import rfc3339

from waybill_notifier.domain.delivery import DeliveryView
from waybill_notifier.domain.notification import Notification
from waybill_notifier.views.schemas import AttemptOut, DeliveryOut, TransitionOut

_LISTS: Mapping[str, type[BaseModel]] = {"attempts": AttemptOut, "transitions": TransitionOut}


def delivery_json(view: DeliveryView) -> dict[str, Any]:
    """A delivery as DeliveryOut."""
    plain = {name: _value(getattr(view, name)) for name in DeliveryOut.model_fields if name not in _LISTS}
    return plain | {
        name: [_members(row, list(model.model_fields)) for row in getattr(view, name)] for name, model in _LISTS.items()
    }


def delivery_answer(view: DeliveryView) -> bytes:
    """A delivery as bytes, for keyed commands."""
    return orjson.dumps(delivery_json(view))


def notification_json(notification: Notification, title: str) -> dict[str, Any]:
    """A notification as NotificationOut."""
    return {
        "id": notification.id,
        "type": notification.template,
        "title": title,
        "order_id": notification.order_id,
        "occurred_at": rfc3339(notification.occurred_at),
        "created_at": rfc3339(notification.created_at),
        "read_at": _value(notification.read_at),
    }


def _members(row: Mapping[str, Any], names: list[str]) -> dict[str, Any]:
    return {name: _value(row[name]) for name in names}


def _value(value: Any) -> Any:
    return rfc3339(value) if isinstance(value, datetime) else value
