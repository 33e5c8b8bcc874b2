"""The password policy: length and a blocklist, no composition rules (NIST SP 800-63B-4, ASVS 6.2)."""

import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

MAX_CODE_POINTS = 256
MAX_BYTES = 1024
SERVICE_NAME = "waybill"
_MIN_CONTEXT_WORD = 4
_MIN_REMAINDER = 8


@dataclass(frozen=True)
class PasswordCheck:
    """`needs_rehash` when the password is right and its stored form is not what would be stored today."""

    matches: bool
    needs_rehash: bool


@dataclass(frozen=True)
class PasswordPolicy:
    """`min_length` in code points; `is_common` tells whether a folded password is one of the commonest."""

    min_length: int
    is_common: Callable[[str], bool]

    def faults(self, password: str, email: str = "", name: str = "") -> tuple[str, ...]:
        """Return every rule the password breaks, () when it may be set.

        `too_short`, `too_long`, `common` (on the list, or one short piece repeated), `personal` (what remains without
        the account's own words and the service's name is shorter than 8 characters).
        """
        normal = normalise(password)
        folded = normal.casefold()
        checks = {
            "too_short": len(normal) < self.min_length,
            "too_long": is_too_long(password),
            "common": self._is_guessable(folded),
            "personal": _is_personal(folded, email, name),
        }
        return tuple(reason for reason, broken in checks.items() if broken)

    def _is_guessable(self, folded: str) -> bool:
        candidates = (folded, folded[::-1], _shortest_period(folded))
        return any(self.is_common(candidate) for candidate in candidates) or _is_monotonous(folded)


def normalise(password: str) -> str:
    """Return the NFC form, which only joins canonically equal strings; verified and stored alike."""
    return unicodedata.normalize("NFC", password)


def is_too_long(password: str) -> bool:
    """Tell whether the password is over 256 code points or 1,024 bytes, which are refused and never cut."""
    return len(password) > MAX_CODE_POINTS or len(password.encode()) > MAX_BYTES


def _shortest_period(text: str) -> str:
    """Return the piece whose repetition makes the text (`abcabcab` → `abc`), the text itself when there is none."""
    doubled = (text + text).find(text, 1)
    if doubled < len(text):
        return text[:doubled]
    for length in range(1, len(text) // 2 + 1):
        piece = text[:length]
        if (piece * (len(text) // length + 1)).startswith(text):
            return piece
    return text


def _is_monotonous(folded: str) -> bool:
    """Tell whether a short piece is repeated, or each character follows its neighbour by one (`abcdef…`, `987…`)."""
    if len(_shortest_period(folded)) <= 4:
        return True
    steps = {ord(after) - ord(before) for before, after in pairwise(folded)}
    return len(steps) == 1 and steps <= {-1, 0, 1}


def _is_personal(folded: str, email: str, name: str) -> bool:
    local_part, _, domain = email.casefold().partition("@")
    words = {
        SERVICE_NAME,
        local_part,
        domain,
        domain.split(".", maxsplit=1)[0],
        name.casefold(),
        *name.casefold().split(),
    }
    remainder = folded
    for word in sorted(words, key=len, reverse=True):
        if len(word) >= _MIN_CONTEXT_WORD:
            remainder = remainder.replace(word, "").replace(word[::-1], "")
    return remainder != folded and len(remainder) < _MIN_REMAINDER
