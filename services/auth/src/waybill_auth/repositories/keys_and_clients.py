"""The key ring and the service accounts in PostgreSQL."""

from collections.abc import Sequence
from datetime import datetime

import orjson
import sqlalchemy as sa

from waybill_auth.domain.clients import Client
from waybill_auth.domain.signing_keys import KeyState, SigningKey
from waybill_auth.models.clients import CLIENT_COLUMNS, client_from
from waybill_auth.models.signing_keys import KEY_COLUMNS, key_from

_LOCK_RING = sa.text("LOCK TABLE signing_key IN SHARE ROW EXCLUSIVE MODE")
_LIVE = sa.text(f"SELECT {KEY_COLUMNS} FROM signing_key WHERE state <> 'gone' ORDER BY created_at, kid")  # noqa: S608 - constant columns
_BY_KID = sa.text(f"SELECT {KEY_COLUMNS} FROM signing_key WHERE kid = :kid")  # noqa: S608 - constant columns
_ADD_KEY = sa.text(
    """
    INSERT INTO signing_key (kid, alg, state, public_jwk, private_enc, created_at, activate_at)
    VALUES (:kid, :alg, :state, CAST(:public_jwk AS jsonb), :private_enc, :created_at, :activate_at)
    """
)
_SET_STATE = sa.text(
    """
    UPDATE signing_key SET state = :state,
        activate_at = CASE WHEN :state = 'active' THEN :at ELSE activate_at END,
        retired_at = CASE WHEN :state = 'retiring' THEN :at ELSE retired_at END,
        gone_at = CASE WHEN :state = 'gone' THEN :at END,
        private_enc = CASE WHEN :state = 'gone' THEN NULL ELSE private_enc END
    WHERE kid = :kid
    """
)
_CLIENT = sa.text(f"SELECT {CLIENT_COLUMNS} FROM oauth_client WHERE id = :id")  # noqa: S608 - constant columns
_PUT_CLIENT = sa.text(
    """
    INSERT INTO oauth_client (id, secret_hashes, audiences, scopes, introspects)
    VALUES (:id, :secret_hashes, :audiences, :scopes, :introspects)
    ON CONFLICT (id) DO UPDATE SET secret_hashes = excluded.secret_hashes, audiences = excluded.audiences,
        scopes = excluded.scopes, introspects = excluded.introspects, updated_at = now()
    """
)
_DROP_OTHERS = sa.text("DELETE FROM oauth_client WHERE id <> ALL (:ids)")


class KeyRepository:
    """Signing keys of one open transaction."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def lock(self) -> None:
        """Let nobody else change the ring until the end; reading goes on."""
        self._connection.execute(_LOCK_RING)

    def all_live(self) -> list[SigningKey]:
        """Return every key that is not gone."""
        return [key_from(row) for row in self._connection.execute(_LIVE)]

    def by_kid(self, kid: str) -> SigningKey | None:
        """Return the key, one that is gone too."""
        row = self._connection.execute(_BY_KID, {"kid": kid}).one_or_none()
        return key_from(row) if row is not None else None

    def add(self, key: SigningKey) -> None:
        """Insert."""
        values = {
            "kid": key.kid,
            "alg": key.alg,
            "state": str(key.state),
            "public_jwk": orjson.dumps(key.public_jwk).decode(),
            "private_enc": key.sealed_private,
            "created_at": key.created_at,
            "activate_at": key.activate_at,
        }
        self._connection.execute(_ADD_KEY, values)

    def set_state(self, kid: str, state: KeyState, at: datetime) -> None:
        """Move the key on; `gone` also forgets its private half."""
        self._connection.execute(_SET_STATE, {"kid": kid, "state": str(state), "at": at})


class ClientRepository:
    """Service accounts of one open transaction."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def by_id(self, client_id: str) -> Client | None:
        """Return the client."""
        row = self._connection.execute(_CLIENT, {"id": client_id}).one_or_none()
        return client_from(row) if row is not None else None

    def replace_all(self, clients: Sequence[Client]) -> None:
        """Make the table exactly these."""
        for client in sorted(clients, key=lambda client: client.id):
            values = {
                "id": client.id,
                "secret_hashes": list(client.secret_hashes),
                "audiences": list(client.audiences),
                "scopes": list(client.scopes),
                "introspects": list(client.introspects),
            }
            self._connection.execute(_PUT_CLIENT, values)
        self._connection.execute(_DROP_OTHERS, {"ids": [client.id for client in clients]})
