"""The form and the client authentication of OAuth endpoints (RFC 6749 sections 2.3 and 3.2)."""

import base64
import binascii
import re
from dataclasses import dataclass
from urllib.parse import unquote_plus

from flask import request

from waybill_auth.domain.errors import InvalidClientError
from waybill_auth.use_cases.authenticate_client import ClientCredentials

_FORM = "application/x-www-form-urlencoded"
_NOT_PRINTABLE = re.compile(r"[^\x20-\x7e]")


class InvalidRequestError(Exception):
    """The request is malformed; the text is safe to show."""


@dataclass(frozen=True)
class OAuthForm:
    """The parameters of one request, without the empty ones, and the credentials that came with it."""

    parameters: dict[str, str]
    credentials: ClientCredentials


def read_form() -> OAuthForm:
    """Return parameters and credentials; raises InvalidRequestError or InvalidClientError.

    A repeated parameter is refused, one without a value counts as absent, unknown ones are ignored.
    """
    if request.mimetype != _FORM:
        raise InvalidRequestError(f"send the parameters as {_FORM}")
    if {"client_secret", "client_assertion", "token", "refresh_token"} & request.args.keys():
        raise InvalidRequestError("secrets and tokens belong into the body, never into the address")
    for name, values in request.form.lists():
        if len(values) > 1:
            raise InvalidRequestError(f"the parameter {_NOT_PRINTABLE.sub('?', name)[:64]} stands twice")
        if _NOT_PRINTABLE.search(values[0]):
            raise InvalidRequestError("parameters are printable ASCII")
    parameters = {name: value for name, value in request.form.items() if value}
    return OAuthForm(parameters, _credentials(parameters))


def _credentials(parameters: dict[str, str]) -> ClientCredentials:
    client_id, secret = parameters.get("client_id"), parameters.get("client_secret")
    header = request.headers.get("Authorization")
    if header is not None:
        basic = _read_basic(header)
        if secret is not None or client_id not in {None, basic.client_id}:
            raise InvalidRequestError("use one way of client authentication, not two")
        return basic
    if client_id is None:
        raise InvalidClientError("no client authentication")
    return ClientCredentials(client_id, secret)


def _read_basic(header: str) -> ClientCredentials:
    """Read HTTP Basic, both halves form-encoded first (RFC 6749 section 2.3.1), so `:` and `%` may stand in them."""
    scheme, _, encoded = header.partition(" ")
    if scheme.lower() != "basic":
        raise InvalidClientError("the scheme is not Basic")
    try:
        client_id, colon, secret = base64.b64decode(encoded.strip(), validate=True).decode("ascii").partition(":")
    except (binascii.Error, ValueError):
        raise InvalidClientError("the Basic credentials cannot be read") from None
    client_id, secret = unquote_plus(client_id), unquote_plus(secret)
    if not colon or _NOT_PRINTABLE.search(client_id + secret):
        raise InvalidClientError("the Basic credentials cannot be read")
    return ClientCredentials(client_id, secret)
