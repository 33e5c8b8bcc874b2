"""Tell a service about a token that was sent to it (RFC 7662)."""

from typing import Any

from waybill_auth.domain.clients import Client
from waybill_auth.domain.errors import UnauthorizedClientError
from waybill_auth.use_cases.ports import TokenReader

_SHOWN = ("iss", "sub", "aud", "client_id", "scope", "exp", "iat", "jti", "sid")


def introspect_token(token: str, client: Client, reader: TokenReader) -> dict[str, Any]:
    """Return `active` and the claims, or exactly `{"active": false}` for anything the client need not know about.

    A client sees only tokens for the audiences it answers for. Raises UnauthorizedClientError for a public client.
    """
    if not client.secret_hashes:
        raise UnauthorizedClientError("only a confidential client may introspect")
    claims = reader.read(token, client.introspects)
    if claims is None:
        return {"active": False}
    shown = {name: claims[name] for name in _SHOWN if name in claims}
    return {"active": True, "token_type": "Bearer", **shown}
