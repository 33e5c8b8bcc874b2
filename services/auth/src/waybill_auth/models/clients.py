"""The `oauth_client` table."""

from typing import Any

from waybill_auth.domain.clients import Client

CLIENT_COLUMNS = "id, secret_hashes, audiences, scopes, introspects"


def client_from(row: Any) -> Client:
    """Return the client of a row with CLIENT_COLUMNS."""
    return Client(
        id=row.id,
        secret_hashes=tuple(bytes(secret) for secret in row.secret_hashes),
        audiences=tuple(row.audiences),
        scopes=tuple(row.scopes),
        introspects=tuple(row.introspects),
    )
