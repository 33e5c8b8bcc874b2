"""The `signing_key` table."""

from typing import Any

from waybill_auth.domain.signing_keys import KeyState, SigningKey

KEY_COLUMNS = "kid, alg, state, public_jwk, private_enc, created_at, activate_at, retired_at"


def key_from(row: Any) -> SigningKey:
    """Return the key of a row with KEY_COLUMNS; a key that is gone has no private half any more."""
    return SigningKey(
        kid=row.kid,
        alg=row.alg,
        state=KeyState(row.state),
        public_jwk=dict(row.public_jwk),
        sealed_private=bytes(row.private_enc or b""),
        created_at=row.created_at,
        activate_at=row.activate_at,
        retired_at=row.retired_at,
    )
