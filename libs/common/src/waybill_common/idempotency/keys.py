"""What an idempotency key is, which requests it holds to be the same, and what is remembered of the answer."""

import hashlib
import re
from dataclasses import dataclass
from typing import Any

import orjson

_PRINTABLE = re.compile(r"^[\x21-\x7e]([\x20-\x7e]{0,253}[\x21-\x7e])?$")


class KeyReusedError(Exception):
    """The key was used before for another request; answered with 422 `idempotency_key_reused`."""


class KeyInProgressError(Exception):
    """The first request with this key is still running; answered with 409 and `Retry-After`."""


@dataclass(frozen=True)
class KeyRequest:
    """One keyed request: `scope` says whose key it is and for which route, `fingerprint` what was asked (SHA-256)."""

    scope: str
    key: str
    fingerprint: bytes


@dataclass(frozen=True)
class Answer:
    """An answer as it goes out and is remembered: status, body bytes and the two headers a client acts on."""

    status: int
    body: bytes
    location: str | None = None
    etag: str | None = None
    replayed: bool = False


def parse_key(header: str) -> str:
    """Return the key of an `Idempotency-Key` header, bare or as a structured-field string (RFC 9651 section 3.3.3).

    Raises ValueError unless it is 1 to 255 printable ASCII characters.
    """
    key = header.strip()
    if len(key) >= 2 and key.startswith('"') and key.endswith('"'):
        key = key[1:-1].replace('\\"', '"').replace("\\\\", "\\")
    if not _PRINTABLE.match(key):
        raise ValueError("an Idempotency-Key is 1 to 255 printable ASCII characters, for example a UUID")
    return key


def fingerprint(method: str, path: str, body: Any) -> bytes:
    """Return the SHA-256 of method, path and canonical JSON; headers, which vary between tries, stay out of it."""
    canonical = orjson.dumps(body, option=orjson.OPT_SORT_KEYS)
    return hashlib.sha256(b"\n".join([method.encode(), path.encode(), canonical])).digest()
