"""From domain error to answer: one table for the API, one for the OAuth endpoints."""

import math
from collections.abc import Callable, Mapping
from typing import Any

from waybill_common.problems import Problem

from waybill_auth.domain.errors import (
    AccountDisabledError,
    ClientsFileError,
    DomainError,
    EmailNotVerifiedError,
    HashBusyError,
    InvalidAddressError,
    InvalidClientError,
    InvalidCredentialsError,
    InvalidGrantError,
    InvalidMailTokenError,
    InvalidScopeError,
    InvalidTargetError,
    KeyNotFoundError,
    LastAdminError,
    MailRequestGoneError,
    MailRequestNotFoundError,
    NoSigningKeyError,
    SessionNotFoundError,
    StepUpRequiredError,
    TooManyAttemptsError,
    UnauthorizedClientError,
    UnknownRoleError,
    UserNotFoundError,
    WeakPasswordError,
)

_CHALLENGE = {"WWW-Authenticate": 'Bearer realm="waybill"'}


def _fixed(status: int, detail: str, headers: Mapping[str, str] | None = None) -> Callable[[DomainError], Problem]:
    """Return a maker of one answer: what the error knows beyond its code is for the log, never for the client."""
    return lambda error: Problem(status, error.code, detail, headers=headers)


def _weak_password(error: WeakPasswordError) -> Problem:
    detail = "Choose another password: at least the required length, not a common one, not your own name or address."
    return Problem(422, error.code, detail, reasons=list(error.reasons))


def _invalid_address(error: InvalidAddressError) -> Problem:
    errors = [{"pointer": "/email", "code": error.code, "detail": str(error)}]
    return Problem(422, "validation_failed", "The e-mail address cannot be used.", errors=errors)


def _too_many(error: TooManyAttemptsError) -> Problem:
    headers = {"Retry-After": str(max(1, math.ceil(error.wait_seconds)))}
    return Problem(429, error.code, "Too many attempts; wait as long as Retry-After says.", headers=headers)


DOMAIN_ERRORS: Mapping[type[Exception], Callable[[Any], Problem]] = {
    InvalidCredentialsError: _fixed(401, "Address or password is not right.", _CHALLENGE),
    EmailNotVerifiedError: _fixed(403, "Verify the address first, with the link in the mail."),
    AccountDisabledError: _fixed(403, "This account is switched off."),
    WeakPasswordError: _weak_password,
    InvalidAddressError: _invalid_address,
    InvalidMailTokenError: _fixed(400, "The link is not valid, was used, or has expired; ask for a new one."),
    TooManyAttemptsError: _too_many,
    HashBusyError: _fixed(503, "Many people are signing in; try again.", {"Retry-After": "1"}),
    InvalidGrantError: _fixed(400, "The refresh token is not valid any more; sign in again."),
    InvalidScopeError: _fixed(400, "The scope is wider than what is held."),
    InvalidTargetError: _fixed(400, "The resource is not allowed for this client."),
    InvalidClientError: _fixed(401, "The client is unknown or its secret is wrong."),
    UnauthorizedClientError: _fixed(400, "The client may not do this."),
    StepUpRequiredError: _fixed(403, "Sign in again: this needs a sign-in of the last minutes."),
    SessionNotFoundError: _fixed(404, "There is no such session of yours."),
    UserNotFoundError: _fixed(404, "There is no such account."),
    MailRequestNotFoundError: _fixed(404, "There is no such mail request."),
    MailRequestGoneError: _fixed(410, "This mail must not be sent any more."),
    LastAdminError: _fixed(409, "The last administrator keeps the role."),
    UnknownRoleError: _fixed(422, "There is no such role."),
    KeyNotFoundError: _fixed(404, "There is no such key."),
    NoSigningKeyError: _fixed(503, "No key signs yet; try again.", {"Retry-After": "1"}),
    ClientsFileError: _fixed(500, "The declared clients cannot be read."),
}

OAUTH_ERRORS: Mapping[type[DomainError], str] = {
    InvalidGrantError: "The grant is not valid.",
    InvalidScopeError: "The scope is unknown or wider than what is held.",
    InvalidTargetError: "The resource is not allowed for this client, or must be named.",
    InvalidClientError: "Client authentication failed.",
    UnauthorizedClientError: "The client may not use this.",
}
"""Descriptions of RFC 6749 section 5.2 and RFC 8707 section 2 errors; their codes are the error codes."""
