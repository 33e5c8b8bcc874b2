"""E-mail addresses: which are accepted, and the key under which two spellings are one account."""

import unicodedata
from dataclasses import dataclass

from waybill_auth.domain.errors import InvalidAddressError

MAX_OCTETS = 254  # RFC 5321 section 4.5.3.1.3, less the angle brackets
MAX_LOCAL_OCTETS = 64  # RFC 5321 section 4.5.3.1.1


@dataclass(frozen=True)
class Address:
    """`email` as it was entered, which mail goes to, and `key`, which is unique among accounts."""

    email: str
    key: str


def address_of(email: str, local_part: str, ascii_domain: str) -> Address:
    """Return the address of a text whose syntax was already checked.

    `ascii_domain` is the IDNA A-label form. The key is NFKC and casefold of the local part beside that domain. Raises
    InvalidAddressError where two scripts could spell one address (NFKC differs from NFC) or a length is over.
    """
    if len(email.encode()) > MAX_OCTETS or len(local_part.encode()) > MAX_LOCAL_OCTETS:
        raise InvalidAddressError("an address has at most 254 octets, 64 of them before the @")
    if unicodedata.normalize("NFKC", email) != unicodedata.normalize("NFC", email):
        # The domain too: `ⓔxample.com` would be folded into somebody else's `example.com`.
        raise InvalidAddressError("the address holds look-alike characters; write it in plain letters")
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", local_part).casefold())
    return Address(email=email, key=f"{folded}@{ascii_domain.lower()}")
