"""The outer form of a token, read strictly: three canonical base64url parts and a JSON object without tricks.

PyJWT 2.15 accepts padding, duplicate members (the last wins), a byte order mark and UTF-16; each lets two readers see
two tokens in one text. What is refused here never reaches it.
"""

import base64
import binascii
import json
import re
from dataclasses import dataclass
from typing import Any, NoReturn

from waybill_common.tokens.errors import InvalidTokenError

MAX_TOKEN_LENGTH = 4096
# A token of ours has an object and three arrays. Counting brackets bounds the parser's recursion without recursing.
_MAX_BRACKETS = 32
_BASE64URL = re.compile(r"[A-Za-z0-9_-]*")


@dataclass(frozen=True, slots=True)
class CompactToken:
    """A JWS in compact form (RFC 7515, section 7.1) that was read, not verified."""

    text: str
    header: dict[str, Any]
    payload: bytes


def read_compact(text: str) -> CompactToken:
    """Take a token apart; raises InvalidTokenError for anything that is not exactly one well-formed JWS."""
    if len(text) > MAX_TOKEN_LENGTH:
        raise InvalidTokenError("too_long")
    parts = text.split(".")
    if len(parts) != 3 or not parts[0] or not parts[2]:
        raise InvalidTokenError("not_three_parts")
    header, payload, _ = (decode_base64url(part) for part in parts)
    return CompactToken(text, read_object(header), payload)


def decode_base64url(text: str) -> bytes:
    """Decode base64url without padding (RFC 7515, appendix C).

    Raises InvalidTokenError unless encoding the result again gives the same text: changed last bits, padding, the
    other alphabet and white space would all be second spellings of the same token.
    """
    if not _BASE64URL.fullmatch(text):
        raise InvalidTokenError("not_base64url")
    try:
        raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except binascii.Error:
        raise InvalidTokenError("not_base64url") from None
    if base64.urlsafe_b64encode(raw).rstrip(b"=").decode() != text:
        raise InvalidTokenError("not_canonical")
    return raw


def read_object(raw: bytes) -> dict[str, Any]:
    """Read a UTF-8 JSON object with distinct members and finite numbers; raises InvalidTokenError otherwise."""
    if raw.count(b"[") + raw.count(b"{") > _MAX_BRACKETS:
        raise InvalidTokenError("too_deep")
    try:
        parsed = json.loads(raw.decode("utf-8"), object_pairs_hook=_distinct, parse_constant=_no_constant)
    except ValueError:
        raise InvalidTokenError("not_json") from None
    if not isinstance(parsed, dict):
        raise InvalidTokenError("not_an_object")
    return parsed


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise InvalidTokenError("duplicate_member")
    return members


def _no_constant(_name: str) -> NoReturn:
    raise InvalidTokenError("not_json")
