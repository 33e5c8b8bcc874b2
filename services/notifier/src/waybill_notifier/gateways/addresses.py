"""Brings an e-mail address into the form that SMTP takes: domain as A-label, local part as it is."""

import hashlib
import hmac
import re
from dataclasses import dataclass

import idna

from waybill_notifier.domain.letter import UnsendableError

_DOT_ATOM = re.compile(
    r"\A[A-Za-z0-9!#$%&'*+/=?^_`{|}~\u0080-\U0010ffff-]+(\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~\u0080-\U0010ffff-]+)*\Z"
)


@dataclass(frozen=True)
class WireAddress:
    """An address for the wire; `needs_smtputf8` when its local part is not ASCII (RFC 6531)."""

    local: str
    domain: str

    @property
    def needs_smtputf8(self) -> bool:
        """True when the local part is not ASCII."""
        return not self.local.isascii()

    def __str__(self) -> str:
        return f"{self.local}@{self.domain}"


def wire_address(address: str) -> WireAddress:
    """Parse `local@domain`; the domain becomes an A-label (IDNA 2008, UTS 46).

    Raises UnsendableError "bad_address" for what is no dot-atom address: quoted local parts are refused, because they
    may hold anything.
    """
    local, _, domain = address.rpartition("@")
    if not _DOT_ATOM.match(local) or len(local.encode()) > 64:
        raise UnsendableError("bad_address", "The local part of the address is not one that can be mailed to.")
    try:
        ascii_domain = idna.encode(domain, uts46=True).decode("ascii")
    except idna.IDNAError as error:
        raise UnsendableError("bad_address", "The domain of the address is not a valid one.") from error
    return WireAddress(local, ascii_domain)


def address_hash(key: bytes, address: str) -> bytes:
    """A keyed hash that recognises an address without storing it (suppressions); the local part is case-folded."""
    local, _, domain = address.rpartition("@")
    return hmac.new(key, f"address:{local.casefold()}@{domain.casefold()}".encode(), hashlib.sha256).digest()


def return_path(key: bytes, delivery_id: str, bounce_domain: str) -> str:
    """The envelope sender `b+{delivery id}.{hmac8}@bounce.domain` (VERP): a bounce names its delivery unforgeably."""
    mac = hmac.new(key, f"bounce:{delivery_id}".encode(), hashlib.sha256).hexdigest()[:8]
    return f"b+{delivery_id}.{mac}@{bounce_domain}"
