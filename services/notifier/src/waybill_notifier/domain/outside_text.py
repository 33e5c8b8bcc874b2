"""Makes text from outside harmless in a mail: no control characters, no encoded words, no links."""

import re
import unicodedata
from typing import Any

MAX_LENGTH = 100
ZERO_WIDTH_SPACE = "\u200b"

# A mail client turns these into links by itself, in the text part too: dots before a letter ("evil.com"), dotted
# numbers (10.0.0.1), schemes and addresses. A zero-width space behind the mark breaks the pattern and reads the same.
_LINK_MARK = re.compile(r"[.。．｡](?=[^\W\d_])|(?<=\d)\.(?=\d+\.\d)|:(?=//|[^\W\d_])|@")
_SPACES = re.compile(r"\s+")


def tame(value: str, limit: int = MAX_LENGTH) -> str:
    """Return `value` as one line of at most `limit` characters that cannot inject a header, hide or make a link.

    Control, format (bidi overrides too) and unassigned characters go, white space becomes one space, `=?` is taken
    apart (python/cpython#121650), and what a mail client would make a link of gets a zero-width space.
    """
    spaced = "".join(_kept(c) for c in unicodedata.normalize("NFC", value))
    line = _SPACES.sub(" ", spaced).strip().replace("=?", "= ?")
    if len(line) > limit:
        line = line[: limit - 1].rstrip() + "…"
    return _LINK_MARK.sub(lambda m: m.group() + ZERO_WIDTH_SPACE, line)


def _kept(character: str) -> str:
    if character.isspace():
        return " "
    return "" if unicodedata.category(character) in {"Cc", "Cf", "Cs", "Co", "Cn"} else character


def tame_all(value: Any) -> Any:
    """`tame` every string inside a JSON value; numbers, booleans and nulls stay, keys are our own."""
    if isinstance(value, str):
        return tame(value)
    if isinstance(value, list):
        return [tame_all(item) for item in value]
    if isinstance(value, dict):
        return {key: tame_all(item) for key, item in value.items()}
    return value
