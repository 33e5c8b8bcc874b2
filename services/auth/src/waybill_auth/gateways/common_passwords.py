"""The list of common passwords that ships with the service."""

import gzip
from collections.abc import Callable
from importlib import resources


def load_common_passwords() -> Callable[[str], bool]:
    """Return a function that tells whether a casefolded password is on the list; reads the list once."""
    packed = resources.files("waybill_auth.gateways").joinpath("common_passwords.txt.gz").read_bytes()
    words = frozenset(gzip.decompress(packed).decode().split("\n"))
    return words.__contains__
