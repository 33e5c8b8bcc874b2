"""Makes the shipped list of common passwords from public frequency lists and the rules people follow to lengthen them.

    python services/auth/tools/make_common_passwords.py LIST [LIST…]

Each LIST is a text file, or a gzip of one, with one password a line, the commonest first.
"""

import gzip
import sys
from itertools import product
from pathlib import Path

_TARGET = Path(__file__).parents[1] / "src/waybill_auth/gateways/common_passwords.txt.gz"
_MIN_LENGTH = 8  # the shortest minimum that the settings allow
_STEMS = 120
_TAILS = ("123456789", "1234567890", "12345678", "123123123", "!2345678", "password", "password1", "password123")
_PHRASES = (
    "correct horse battery staple",
    "correcthorsebatterystaple",
    "iloveyousomuch",
    "iloveyouforever",
    "letmeinletmein",
    "passwordispassword",
    "thisisapassword",
    "thisismypassword",
    "mypasswordismypassword",
    "changemechangeme",
    "administrator123",
    "supersecretpassword",
    "trustno1trustno1",
    "thequickbrownfox",
    "tobeornottobe",
)
_ROWS = ("1234567890", "qwertyuiop", "asdfghjkl", "zxcvbnm", "qwertzuiop", "azertyuiop", "abcdefghijklmnopqrstuvwxyz")


def lengthened(stems: list[str]) -> set[str]:
    """Return what people make of a short password when a long one is asked for."""
    doubled = {stem * times for stem, times in product(stems, (2, 3, 4))}
    joined = {first + second for first, second in product(stems, stems) if first != second}
    tailed = {stem + tail for stem, tail in product(stems, _TAILS)}
    return doubled | joined | tailed


def walks() -> set[str]:
    """Return runs over neighbouring keys, forwards and backwards, one or two rows long."""
    lines = [first + second for first, second in product((*_ROWS, ""), repeat=2)]
    runs = {line[:end] for line in lines for end in range(_MIN_LENGTH, len(line) + 1)}
    return runs | {run[::-1] for run in runs}


def main(sources: list[str]) -> None:
    """Write the list: sorted, casefolded, one a line, without a time stamp so that equal input gives equal bytes."""
    known: list[str] = []
    for source in sources:
        raw = Path(source).read_bytes()
        text = gzip.decompress(raw) if raw[:2] == b"\x1f\x8b" else raw
        known += [line.strip().casefold() for line in text.decode("utf-8", "ignore").splitlines()]
    stems = [word for word in dict.fromkeys(known) if word.isascii() and word.isalnum() and len(word) >= 4][:_STEMS]
    candidates = {*known, *lengthened(stems), *walks(), *_PHRASES}
    chosen = sorted(word for word in candidates if len(word) >= _MIN_LENGTH and word.isprintable() and word.isascii())
    _TARGET.write_bytes(gzip.compress("\n".join(chosen).encode(), 9, mtime=0))
    sys.stdout.write(
        f"{len(chosen)} passwords, {sum(len(word) >= 15 for word in chosen)} of them of 15 characters or more\n"
    )


if __name__ == "__main__":
    main(sys.argv[1:])
