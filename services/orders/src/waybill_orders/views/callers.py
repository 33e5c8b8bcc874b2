"""Whose rows a request may touch, and where in a list it continues."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from waybill_common.clock import parse_rfc3339
from waybill_common.http import current_caller, decode_cursor
from waybill_common.problems import Problem

READ_ALL = "orders:read:all"
WRITE_ALL = "orders:write:all"


def visible_to(staff_scope: str) -> str | None:
    """Return whose orders the caller may touch: his own, or everybody's (None) with the staff scope."""
    caller = current_caller()
    return None if staff_scope in caller.scopes else caller.subject


def time_position(cursor: str | None, filters: Mapping[str, Any]) -> tuple[datetime, str] | None:
    """Return the time and id that a cursor stands for, None for the start; raises Problem 400 `invalid_cursor`."""
    if cursor is None:
        return None
    moment, row_id = decode_cursor(cursor, filters, [str, str])
    try:
        return parse_rfc3339(moment), row_id
    except ValueError:
        raise Problem(400, "invalid_cursor", "This cursor is not one of this list; start again without it.") from None
