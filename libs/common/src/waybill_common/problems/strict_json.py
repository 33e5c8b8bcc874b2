"""JSON bodies read strictly: what a lenient parser would guess at is refused with a 400.

Covers rows 32 and 34 of the attack list: duplicate members, NaN, depth, lone surrogates, NUL, BOM, other encodings.
"""

import json
import re
from typing import Any, NoReturn

from waybill_common.problems.problem import Problem

MAX_DEPTH = 8
_MAX_INTEGER_DIGITS = 19
_CONTENT_TYPE = re.compile(r"^application/json\s*(;\s*charset\s*=\s*\"?utf-8\"?\s*)?$", re.IGNORECASE)
_SURROGATE_OR_NUL = re.compile("[\ud800-\udfff\x00]")


def parse_json(raw: bytes, content_type: str | None) -> dict[str, Any]:
    """Return the JSON object of a request body.

    Raises Problem 415 for another media type or charset and 400 `malformed_json` for anything that is not one UTF-8
    JSON object (RFC 8259), at most 8 levels deep, with distinct members and without NUL or lone surrogates.
    """
    if content_type is None or not _CONTENT_TYPE.match(content_type.strip()):
        raise Problem(415, "unsupported_media_type", "Send the body as application/json in UTF-8.")
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        raise _malformed("the body is not UTF-8") from None
    if text.startswith("\ufeff"):
        raise _malformed("the body starts with a byte order mark; leave it out")
    try:
        parsed = _DECODER.decode(text)
    except RecursionError:
        raise _too_deep() from None
    except ValueError as error:
        raise _malformed(str(error)) from None
    if not isinstance(parsed, dict):
        raise _malformed("the body must be a JSON object")
    # Without that many brackets nothing is too deep, and only an escape can hold what no UTF-8 text can.
    if text.count("{") + text.count("[") > MAX_DEPTH or "\\u" in text:
        _check(parsed, 1)
    return parsed


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a member stands twice in one object")
    return members


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON number")


def _integer(digits: str) -> int:
    if len(digits) > _MAX_INTEGER_DIGITS + 1:
        raise ValueError("an integer is longer than 19 digits")
    return int(digits)


def _finite(digits: str) -> float:
    number = float(digits)
    if number in {float("inf"), float("-inf")}:
        raise ValueError("a number is too large")
    return number


_DECODER = json.JSONDecoder(
    object_pairs_hook=_distinct, parse_constant=_no_constant, parse_int=_integer, parse_float=_finite
)


def _check(value: Any, depth: int) -> None:
    if isinstance(value, str):
        if _SURROGATE_OR_NUL.search(value):
            raise _malformed("a string holds NUL or half of a surrogate pair")
    elif isinstance(value, dict | list):
        if depth > MAX_DEPTH:
            raise _too_deep()
        members = [*value.keys(), *value.values()] if isinstance(value, dict) else value
        for member in members:
            _check(member, depth + 1)


def _too_deep() -> Problem:
    return _malformed(f"the body is nested deeper than {MAX_DEPTH} levels")


def _malformed(reason: str) -> Problem:
    return Problem(400, "malformed_json", f"The body cannot be read: {reason}.")
