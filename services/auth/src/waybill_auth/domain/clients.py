"""Service accounts: OAuth clients declared by the operator."""

import hashlib
import hmac
import json
import re
from dataclasses import dataclass
from typing import Any

from waybill_auth.domain.errors import ClientsFileError

CLIENT_CREDENTIALS = "client_credentials"
RESOURCE_PREFIX = "urn:waybill:"
MAX_SECRETS = 2

_ID = re.compile(r"^svc_[a-z0-9_-]{1,60}$")
_WORD = re.compile(r"^[a-z][a-z0-9:_-]{0,63}$")
_MEMBERS = frozenset({"id", "secret_sha256", "audiences", "scopes", "introspects"})


@dataclass(frozen=True)
class Client:
    """One confidential client: SHA-256 of its live secrets (two while one is rotated), what it may call and ask for.

    `introspects` are the audiences it answers for, so the tokens it may ask about.
    """

    id: str
    secret_hashes: tuple[bytes, ...]
    audiences: tuple[str, ...]
    scopes: tuple[str, ...]
    introspects: tuple[str, ...] = ()

    def accepts(self, secret: str) -> bool:
        """Tell whether this is one of the live secrets; 256-bit random values need no slow hash."""
        presented = hashlib.sha256(secret.encode()).digest()
        # Not `any` with a generator: every secret is compared, so that the time does not tell which one matched.
        return any([hmac.compare_digest(presented, stored) for stored in self.secret_hashes])  # noqa: C419


def read_clients(text: str) -> list[Client]:
    """Return the clients of a declaration, a JSON list of objects.

    Members: `id` (svc_…), `secret_sha256` (64 hexadecimal digits, or a list of one or two), `audiences`, `scopes`, and
    optionally `introspects` (default: the id without `svc_`). Raises ClientsFileError that names the entry.
    """
    try:
        entries = json.loads(text)
    except ValueError as error:
        raise ClientsFileError(f"the clients are not JSON: {error}") from None
    if not isinstance(entries, list):
        raise ClientsFileError("the clients must be a JSON list of objects")
    clients = [_read_client(entry, f"client number {number}") for number, entry in enumerate(entries, start=1)]
    if len({client.id for client in clients}) != len(clients):
        raise ClientsFileError("two clients have the same id")
    return clients


def _read_client(entry: Any, place: str) -> Client:
    if not isinstance(entry, dict) or not set(entry) <= _MEMBERS:
        raise ClientsFileError(f"{place} must be an object with only {', '.join(sorted(_MEMBERS))}")
    client_id = entry.get("id")
    if not isinstance(client_id, str) or not _ID.match(client_id):
        raise ClientsFileError(f"{place}: `id` must be svc_ and lower-case letters, digits, _ or -")
    audiences, scopes = (
        _words(entry.get(name), f"{place} ({client_id}): `{name}`") for name in ("audiences", "scopes")
    )
    introspects = _words(entry.get("introspects", [client_id.removeprefix("svc_")]), f"{place}: `introspects`")
    return Client(client_id, _secret_hashes(entry.get("secret_sha256"), place), audiences, scopes, introspects)


def _secret_hashes(value: Any, place: str) -> tuple[bytes, ...]:
    hashes = [value] if isinstance(value, str) else value
    is_list = isinstance(hashes, list) and 1 <= len(hashes) <= MAX_SECRETS
    if not is_list or not all(isinstance(item, str) and re.fullmatch("[0-9a-f]{64}", item) for item in hashes):
        raise ClientsFileError(f"{place}: `secret_sha256` must be 64 hexadecimal digits, or a list of one or two such")
    return tuple(bytes.fromhex(item) for item in hashes)


def _words(value: Any, place: str) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(item, str) and _WORD.match(item) for item in value):
        raise ClientsFileError(f"{place} must be a list of words")
    return tuple(value)
