"""Identifiers that sort by the time they were made, so that indexes grow at their end."""

import secrets
import time
import uuid


def uuid7() -> uuid.UUID:
    """Return a UUID version 7 (RFC 9562 section 5.7): 48 bits of Unix milliseconds, then 74 random bits.

    An id is a name, never a secret.
    """
    milliseconds = time.time_ns() // 1_000_000
    random_bits = secrets.randbits(74)
    high, low = random_bits >> 62, random_bits & ((1 << 62) - 1)
    return uuid.UUID(int=(milliseconds << 80) | (0x7 << 76) | (high << 64) | (0b10 << 62) | low)


def new_id(prefix: str) -> str:
    """Return an opaque public id, `<prefix>_` and 32 hexadecimal digits of a UUID version 7."""
    return f"{prefix}_{uuid7().hex}"
