"""What verifiers and clients read before they begin: the key set and the metadata."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from flask import Response
from waybill_common.http import PUBLIC, GuardedBlueprint, content_answer, operation

_CACHE = "public, max-age=300"


@dataclass(frozen=True)
class WellKnown:
    """The published keys, the issuer, and the counter of reads."""

    jwks: Callable[[], dict[str, Any]]
    issuer: str
    count_jwks: Callable[[], None]


def well_known_blueprint(use: WellKnown) -> GuardedBlueprint:
    """Return the routes below `/.well-known`."""
    routes = GuardedBlueprint("well_known", __name__, access=PUBLIC)
    metadata = orjson.dumps(_metadata(use.issuer))

    @routes.get("/.well-known/jwks.json")
    @operation(answers={200: None})
    def jwks() -> Response:
        """Return the public signing keys (RFC 7517)."""
        use.count_jwks()
        return _cached(orjson.dumps(use.jwks(), option=orjson.OPT_SORT_KEYS))

    @routes.get("/.well-known/openid-configuration")
    @routes.get("/.well-known/oauth-authorization-server")
    @operation(answers={200: None})
    def discovery() -> Response:
        """Return the metadata of this authorization server (RFC 8414)."""
        return _cached(metadata)

    return routes


def _cached(body: bytes) -> Response:
    response = content_answer(body)
    response.headers["Cache-Control"] = _CACHE
    return response


def _metadata(issuer: str) -> Mapping[str, Any]:
    """Return only what is on: there is no authorization endpoint yet, so no response type."""
    methods = ["client_secret_basic", "client_secret_post"]
    return {
        "issuer": issuer,
        "jwks_uri": f"{issuer}/.well-known/jwks.json",
        "token_endpoint": f"{issuer}/oauth/token",
        "introspection_endpoint": f"{issuer}/oauth/introspect",
        "revocation_endpoint": f"{issuer}/oauth/revoke",
        "response_types_supported": [],
        "grant_types_supported": ["client_credentials", "refresh_token"],
        "token_endpoint_auth_methods_supported": [*methods, "none"],
        "introspection_endpoint_auth_methods_supported": methods,
        "revocation_endpoint_auth_methods_supported": [*methods, "none"],
        "subject_types_supported": ["public"],
    }
