"""Reads from foreign events the fields that mails are made of, and nothing else."""

from collections.abc import Mapping
from typing import Any

from waybill_common.clock import parse_rfc3339, rfc3339
from waybill_common.messaging import PermanentMessageError

_ORDER_TEXTS = ("number", "status", "payment_status", "currency")
_ORDER_AMOUNTS = ("subtotal", "discount", "shipping", "tax", "total", "captured", "refunded")
_LINE_NUMBERS = ("line", "quantity", "total")


def text(data: Mapping[str, Any], name: str) -> str:
    """A string that must be there; raises PermanentMessageError."""
    value = data.get(name)
    if not isinstance(value, str) or not value:
        raise PermanentMessageError("invalid_payload", f"{name} is not a text")
    return value


def optional_text(data: Mapping[str, Any], name: str) -> str | None:
    """A string or nothing; what is something else counts as nothing."""
    value = data.get(name)
    return value if isinstance(value, str) and value else None


def number(data: Mapping[str, Any], name: str) -> int:
    """A whole number that must be there; raises PermanentMessageError."""
    value = data.get(name)
    if not isinstance(value, int) or isinstance(value, bool):
        raise PermanentMessageError("invalid_payload", f"{name} is not a whole number")
    return value


def moment(data: Mapping[str, Any], name: str) -> str:
    """An RFC 3339 time that must be there, in UTC; raises PermanentMessageError."""
    value = text(data, name)
    try:
        return rfc3339(parse_rfc3339(value))
    except ValueError as error:
        raise PermanentMessageError("invalid_payload", f"{name} is no RFC 3339 time") from error


def order_facts(data: Mapping[str, Any]) -> dict[str, Any]:
    """The order as mails show it; amounts in minor units.

    `payment`, `refund` and `fulfillment` are there where the event has them; what may be missing is null.
    """
    facts: dict[str, Any] = {name: text(data, name) for name in _ORDER_TEXTS}
    facts |= {name: number(data, name) for name in _ORDER_AMOUNTS}
    facts |= {
        "placed_at": moment(data, "placed_at"),
        "expires_at": None if data.get("expires_at") is None else moment(data, "expires_at"),
        "lines": [_line(line) for line in _objects(data, "lines")],
    }
    for name, read in (("payment", _payment), ("refund", _refund), ("fulfillment", _fulfillment)):
        if isinstance(part := data.get(name), Mapping):
            facts[name] = read(part)
    return facts


def _line(line: Mapping[str, Any]) -> dict[str, Any]:
    canceled = number(line, "quantity_canceled") if "quantity_canceled" in line else 0
    return {
        "name": text(line, "name"),
        "quantity_canceled": canceled,
        **{name: number(line, name) for name in _LINE_NUMBERS},
    }


def _payment(payment: Mapping[str, Any]) -> dict[str, Any]:
    return {"amount": number(payment, "amount"), "code": optional_text(payment, "code")}


def _refund(refund: Mapping[str, Any]) -> dict[str, Any]:
    return {"amount": number(refund, "amount")}


def _fulfillment(fulfillment: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "carrier": optional_text(fulfillment, "carrier"),
        "tracking_number": optional_text(fulfillment, "tracking_number"),
        "lines": [
            {"line": number(part, "line"), "quantity": number(part, "quantity")}
            for part in _objects(fulfillment, "lines")
        ],
    }


def _objects(data: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    value = data.get(name)
    if not isinstance(value, list) or not all(isinstance(item, Mapping) for item in value):
        raise PermanentMessageError("invalid_payload", f"{name} is not a list of objects")
    return value
