"""Keyset pages: opaque cursors that hold the last row's sort values and remember the filter they were made for."""

import base64
import binascii
import hashlib
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlencode

import orjson
from flask import Response, request

from waybill_common.http.answers import json_answer
from waybill_common.problems import Problem

_VERSION = 1


def encode_cursor(values: Sequence[Any], filters: Mapping[str, Any]) -> str:
    """Return the cursor behind a row: its sort values, and a hash of the filters and sort order of this list."""
    state = {"v": _VERSION, "f": _hash(filters), "k": list(values)}
    return base64.urlsafe_b64encode(orjson.dumps(state)).rstrip(b"=").decode()


def decode_cursor(cursor: str, filters: Mapping[str, Any], kinds: Sequence[type]) -> list[Any]:
    """Return the sort values of a cursor, checked against their types.

    Raises Problem 400 `invalid_cursor` for one that is damaged, foreign, or made for other filters.
    """
    try:
        state = orjson.loads(base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True))
        values = state["k"]
        known = state["v"] == _VERSION and state["f"] == _hash(filters) and len(values) == len(kinds)
    except (binascii.Error, ValueError, KeyError, TypeError):
        known = False
    if not known or not all(type(value) is kind for value, kind in zip(values, kinds, strict=True)):
        raise Problem(400, "invalid_cursor", "This cursor is not one of this list; start again without it.")
    return list(values)


def page_answer(items: Sequence[Any], next_cursor: str | None) -> Response:
    """Answer one page; the next one is named in the body and in a `Link` header (RFC 8288)."""
    response = json_answer({"data": list(items), "next_cursor": next_cursor, "has_more": next_cursor is not None})
    if next_cursor is not None:
        query = urlencode({**request.args.to_dict(), "cursor": next_cursor})
        response.headers["Link"] = f'<{request.path}?{query}>; rel="next"'
    return response


def _hash(filters: Mapping[str, Any]) -> str:
    canonical = orjson.dumps(dict(filters), option=orjson.OPT_SORT_KEYS, default=str)
    return hashlib.sha256(canonical).hexdigest()[:16]
