"""Claims of access tokens (RFC 9068 section 2.2); no name and no address is among them."""

import secrets
from collections.abc import Collection
from datetime import datetime
from typing import Any

from waybill_auth.domain.sessions import Session
from waybill_auth.domain.users import User

AUDIENCES = ("auth", "orders", "notifier")
_AAL1 = "urn:waybill:aal:1"


def person_claims(
    user: User, session: Session, scopes: Collection[str], now: datetime, ttl_seconds: int
) -> dict[str, Any]:
    """Return the claims of a person's token, but for the issuer, which the signer adds."""
    return _times(now, ttl_seconds) | {
        "aud": list(AUDIENCES),
        "sub": user.id,
        "client_id": session.client_id,
        "sid": session.id,
        "scope": " ".join(sorted(scopes)),
        "roles": list(user.roles),
        "amr": list(session.amr),
        "auth_time": int(session.created_at.timestamp()),
        "acr": _AAL1,
    }


def service_claims(
    client_id: str, audience: str, scopes: Collection[str], now: datetime, ttl_seconds: int
) -> dict[str, Any]:
    """Return the claims of a service's token for one audience, but for the issuer, which the signer adds."""
    return _times(now, ttl_seconds) | {
        "aud": [audience],
        "sub": client_id,
        "client_id": client_id,
        "scope": " ".join(sorted(scopes)),
    }


def _times(now: datetime, ttl_seconds: int) -> dict[str, Any]:
    issued = int(now.timestamp())
    return {"iat": issued, "exp": issued + ttl_seconds, "jti": secrets.token_urlsafe(16)}
