"""Issue a service's access token (client credentials, RFC 6749 section 4.4)."""

from dataclasses import dataclass

from waybill_auth.domain.access_tokens import service_claims
from waybill_auth.domain.clients import RESOURCE_PREFIX, Client
from waybill_auth.domain.errors import InvalidScopeError, InvalidTargetError, UnauthorizedClientError
from waybill_auth.domain.sessions import SessionRules
from waybill_auth.use_cases.ports import Clock, TokenSigner


@dataclass(frozen=True)
class IssueClientToken:
    """An authenticated client and what it asks for; None asks for what it has."""

    client: Client
    resource: str | None
    scopes: frozenset[str] | None


@dataclass(frozen=True)
class ClientToken:
    """A service's access token; there is no refresh token."""

    access_token: str
    expires_in: int
    scope: str


def issue_client_token(
    command: IssueClientToken, signer: TokenSigner, rules: SessionRules, clock: Clock
) -> ClientToken:
    """Return a token for exactly one audience.

    Raises UnauthorizedClientError for a public client, InvalidTargetError (RFC 8707 section 2) for a resource that is
    not the client's or is not clear, InvalidScopeError for more scope than it has.
    """
    client = command.client
    if not client.secret_hashes:
        raise UnauthorizedClientError("only a confidential client may use client_credentials")
    audience = _audience(client, command.resource)
    scopes = frozenset(client.scopes) if command.scopes is None else command.scopes
    if not scopes <= frozenset(client.scopes):
        raise InvalidScopeError("the client does not have all of these scopes")
    claims = service_claims(client.id, audience, scopes, clock(), rules.service_seconds)
    return ClientToken(signer.sign(claims), rules.service_seconds, " ".join(sorted(scopes)))


def _audience(client: Client, resource: str | None) -> str:
    if resource is None:
        if len(client.audiences) != 1:
            raise InvalidTargetError("name the resource, as in resource=urn:waybill:orders")
        return client.audiences[0]
    audience = resource.removeprefix(RESOURCE_PREFIX)
    if audience == resource or audience not in client.audiences:
        raise InvalidTargetError("the client may not call this resource")
    return audience
