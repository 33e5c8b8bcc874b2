"""The claims of an access token: which must be there, of which type, and whom they describe."""

import re
from typing import Any, TypeGuard

from waybill_common.tokens.caller import Caller
from waybill_common.tokens.errors import InvalidTokenError

REQUIRED_CLAIMS = ("iss", "exp", "aud", "sub", "client_id", "iat", "jti")  # RFC 9068, section 2.2
MAX_LIFETIME_SECONDS = 3600
_MAX_SECONDS = 2**33
_SERVICE_PREFIX = "svc_"
_PERSON_PREFIX = "usr_"
_IDENTIFIER = re.compile(r"[\x21-\x7e]{1,255}")
_SCOPES = re.compile(r"[\x21-\x7e ]{0,2048}")


def check_lifetime(payload: dict[str, Any]) -> None:
    """Raise InvalidTokenError unless `exp` and `iat` are JSON integers in [0, 2**33), at most an hour apart.

    PyJWT takes `exp` as a string, a float or 10**30.
    """
    issued_at, expires_at = payload.get("iat"), payload.get("exp")
    if not _is_time(issued_at) or not _is_time(expires_at):
        raise InvalidTokenError("lifetime_type")
    if expires_at - issued_at > MAX_LIFETIME_SECONDS:
        raise InvalidTokenError("lifetime_too_long")


def caller_of(payload: dict[str, Any]) -> Caller:
    """Return whom the verified claims describe; raises InvalidTokenError when one is missing or of another type.

    A service's subject is its client id; a person's never is, and the two spaces are told apart by prefix, or a
    client could choose the id of a person (OAuth 2.1, "Client Impersonating Resource Owner").
    """
    subject, client_id = _identifier(payload, "sub"), _identifier(payload, "client_id")
    _identifier(payload, "jti")
    is_service = subject == client_id
    if subject.startswith(_PERSON_PREFIX if is_service else _SERVICE_PREFIX):
        raise InvalidTokenError("subject_space")
    auth_time = payload.get("auth_time")
    if auth_time is not None and not _is_time(auth_time):
        raise InvalidTokenError("auth_time_type")
    return Caller(
        subject=subject,
        kind="service" if is_service else "person",
        client_id=client_id,
        session_id=_identifier(payload, "sid") if "sid" in payload else None,
        scopes=_scopes(payload),
        roles=_words(payload, "roles"),
        issued_at=payload["iat"],
        auth_time=auth_time,
        amr=_words(payload, "amr"),
    )


def _is_time(value: object) -> TypeGuard[int]:
    return type(value) is int and 0 <= value < _MAX_SECONDS  # bool is an int too


def _identifier(payload: dict[str, Any], claim: str) -> str:
    value = payload.get(claim)
    if not isinstance(value, str) or not _IDENTIFIER.fullmatch(value):
        raise InvalidTokenError(f"{claim}_type")
    return value


def _scopes(payload: dict[str, Any]) -> frozenset[str]:
    scope = payload.get("scope", "")
    if not isinstance(scope, str) or not _SCOPES.fullmatch(scope):
        raise InvalidTokenError("scope_type")
    return frozenset(scope.split())


def _words(payload: dict[str, Any], claim: str) -> tuple[str, ...]:
    values = payload.get(claim, [])
    if not isinstance(values, list):
        raise InvalidTokenError(f"{claim}_type")
    if not all(isinstance(value, str) and _IDENTIFIER.fullmatch(value) for value in values):
        raise InvalidTokenError(f"{claim}_type")
    return tuple(values)
