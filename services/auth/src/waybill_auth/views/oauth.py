"""The OAuth endpoints: token, introspection, revocation; errors as RFC 6749 has them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from flask import Response, request
from waybill_common.http import CLIENT, GuardedBlueprint, empty_answer, json_answer, operation

from waybill_auth.domain.clients import CLIENT_CREDENTIALS, Client
from waybill_auth.domain.errors import DomainError, InvalidClientError, InvalidGrantError, UnauthorizedClientError
from waybill_auth.domain.sessions import FIRST_PARTY_CLIENT
from waybill_auth.use_cases.authenticate_client import ClientCredentials
from waybill_auth.use_cases.issue_client_token import ClientToken, IssueClientToken
from waybill_auth.use_cases.refresh_session import RefreshSession
from waybill_auth.use_cases.revoke_token import RevokeToken
from waybill_auth.use_cases.session_steps import SessionTokens
from waybill_auth.views.errors import OAUTH_ERRORS
from waybill_auth.views.oauth_form import InvalidRequestError, read_form
from waybill_auth.views.origin import request_origin

_NO_STORE = "no-store"


@dataclass(frozen=True)
class OAuth:
    """The use cases behind these routes."""

    authenticate_client: Callable[[ClientCredentials], Client]
    issue_client_token: Callable[[IssueClientToken], ClientToken]
    refresh_session: Callable[[RefreshSession], SessionTokens]
    introspect_token: Callable[[str, Client], dict[str, Any]]
    revoke_token: Callable[[RevokeToken], None]
    count_refresh: Callable[[str], None]


def oauth_blueprint(use: OAuth) -> GuardedBlueprint:
    """Return the routes below `/oauth`."""
    routes = GuardedBlueprint("oauth", __name__, access=CLIENT)
    _add_errors(routes)

    @routes.post("/oauth/token")
    @operation(answers={200: None}, form=True)
    def token() -> Response:
        """Issue an access token (client_credentials, refresh_token)."""
        form = read_form()
        client = use.authenticate_client(form.credentials)
        grant = form.parameters.get("grant_type")
        if grant is None:
            raise InvalidRequestError("grant_type is missing")
        if grant == CLIENT_CREDENTIALS:
            return _client_token(use, client, form.parameters)
        if grant == "refresh_token":
            return _refreshed(use, client, form.parameters)
        return _oauth_error(400, "unsupported_grant_type", "This server does not know this grant.")

    @routes.post("/oauth/introspect")
    @operation(answers={200: None}, form=True)
    def introspect() -> Response:
        """Tell a service about a token that was sent to it (RFC 7662)."""
        form = read_form()
        client = use.authenticate_client(form.credentials)
        return json_answer(use.introspect_token(_required(form.parameters, "token"), client), cache=_NO_STORE)

    @routes.post("/oauth/revoke")
    @operation(answers={200: None}, form=True)
    def revoke() -> Response:
        """End a token of the client (RFC 7009); the answer is the same for any token."""
        form = read_form()
        client = use.authenticate_client(form.credentials)
        use.revoke_token(RevokeToken(_required(form.parameters, "token"), client, request_origin()))
        response = empty_answer(200)
        response.headers["Cache-Control"] = _NO_STORE
        return response

    return routes


def _client_token(use: OAuth, client: Client, parameters: dict[str, str]) -> Response:
    token = use.issue_client_token(IssueClientToken(client, parameters.get("resource"), _scopes(parameters)))
    body = {
        "access_token": token.access_token,
        "token_type": "Bearer",
        "expires_in": token.expires_in,
        "scope": token.scope,
    }
    return json_answer(body, cache=_NO_STORE)


def _refreshed(use: OAuth, client: Client, parameters: dict[str, str]) -> Response:
    if client.id != FIRST_PARTY_CLIENT:
        raise UnauthorizedClientError("a service has no refresh tokens")
    command = RefreshSession(_required(parameters, "refresh_token"), client.id, _scopes(parameters), request_origin())
    try:
        tokens = use.refresh_session(command)
    except InvalidGrantError as error:
        use.count_refresh(error.outcome)
        raise
    use.count_refresh(tokens.outcome)
    body = {
        "access_token": tokens.access_token,
        "token_type": "Bearer",
        "expires_in": tokens.expires_in,
        "refresh_token": tokens.refresh_token,
        "scope": tokens.scope,
    }
    return json_answer(body, cache=_NO_STORE)


def _required(parameters: dict[str, str], name: str) -> str:
    value = parameters.get(name)
    if value is None:
        raise InvalidRequestError(f"{name} is missing")
    return value


def _scopes(parameters: dict[str, str]) -> frozenset[str] | None:
    scope = parameters.get("scope")
    return frozenset(scope.split()) if scope is not None else None


def _add_errors(routes: GuardedBlueprint) -> None:
    @routes.errorhandler(InvalidRequestError)
    def on_invalid_request(error: InvalidRequestError) -> Response:
        """Answer a malformed request."""
        return _oauth_error(400, "invalid_request", str(error))

    for kind, description in OAUTH_ERRORS.items():
        routes.register_error_handler(kind, _oauth_answer(description))


def _oauth_answer(description: str) -> Callable[[DomainError], Response]:
    def answer(error: DomainError) -> Response:
        return _oauth_error(401 if isinstance(error, InvalidClientError) else 400, error.code, description)

    return answer


def _oauth_error(status: int, code: str, description: str) -> Response:
    response = json_answer({"error": code, "error_description": description}, status, cache=_NO_STORE)
    if status == 401 and "Authorization" in request.headers:
        response.headers["WWW-Authenticate"] = 'Basic realm="waybill"'
    return response
