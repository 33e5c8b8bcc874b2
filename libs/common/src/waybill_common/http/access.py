"""Who may call a route: an access rule per blueprint, enforced before the view and before any look-up."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Literal

from flask import Blueprint, current_app, g, request

from waybill_common.problems import Problem
from waybill_common.telemetry import bind_context
from waybill_common.tokens import Caller, InvalidTokenError, KeysUnavailableError, Verifier

_REALM = "waybill"


@dataclass(frozen=True)
class Access:
    """One rule.

    `public` asks for nothing, `client` leaves the check to the OAuth endpoint itself, `person` asks for a person's
    token, `staff` for one with a scope, `service` for a service's token with a scope. A `risky` one moves money or
    prices: while the revocation feed is silent, the issuer is asked whether the token still holds.
    """

    kind: Literal["public", "client", "person", "staff", "service"]
    scope: str | None = None
    risky: bool = False


PUBLIC = Access("public")
CLIENT = Access("client")
PERSON = Access("person")


def staff(scope: str, *, risky: bool = False) -> Access:
    """Ask for a person's token that holds this scope."""
    return Access("staff", scope, risky)


def service(scope: str) -> Access:
    """Ask for a service's token that holds this scope."""
    return Access("service", scope)


class GuardedBlueprint(Blueprint):
    """A blueprint whose every route stands behind one access rule."""

    def __init__(self, name: str, import_name: str, *, access: Access, **options: Any) -> None:
        super().__init__(name, import_name, **options)
        self.access = access
        self.before_request(self._enforce)

    def _enforce(self) -> None:
        if self.access.kind in {"public", "client"}:
            return
        caller = _authenticate()
        g.caller = caller
        bind_context(caller=caller.subject)
        wanted = "service" if self.access.kind == "service" else "person"
        if caller.kind != wanted:
            raise _insufficient(self.access.scope, f"This route is for a {wanted}'s token.")
        if self.access.scope is not None and self.access.scope not in caller.scopes:
            raise _insufficient(self.access.scope, f"This route needs the scope {self.access.scope}.")
        if self.access.risky:
            with _token_refusals():
                current_app.extensions["confirm_token"](_bearer_token(request.environ["HTTP_AUTHORIZATION"]))


def current_caller() -> Caller:
    """Return the caller whom the guard let in; raises RuntimeError on a public route."""
    caller: Caller | None = g.get("caller")
    if caller is None:
        raise RuntimeError("this route is public and has no caller; give its blueprint another access rule")
    return caller


def access_of(endpoint: str, blueprints: Mapping[str, object]) -> Access | None:
    """Return the rule of an endpoint, None when its blueprint has none (the structure test refuses that)."""
    blueprint = blueprints.get(endpoint.rpartition(".")[0])
    return blueprint.access if isinstance(blueprint, GuardedBlueprint) else None


def _authenticate() -> Caller:
    """Return the caller of the bearer token (RFC 6750 section 2.1); raises Problem 401 or 503."""
    header = request.environ.get("HTTP_AUTHORIZATION")
    if header is None:
        challenge = {"WWW-Authenticate": f'Bearer realm="{_REALM}"'}
        raise Problem(401, "authentication_required", "Send an access token as a bearer token.", headers=challenge)
    verifier: Verifier = current_app.extensions["verifier"]
    with _token_refusals():
        return verifier.verify(_bearer_token(header))


def _bearer_token(header: str) -> str:
    scheme, _, token = header.partition(" ")
    if scheme.lower() != "bearer":
        raise InvalidTokenError("the scheme is not Bearer")
    # Spaces alone: strip() would also take a no-break space, and the token would have a second spelling.
    return token.strip(" ")


class _token_refusals:  # noqa: N801 - reads as what it is; every request with a token passes here
    """Turns what a token's judges raise into problems."""

    def __enter__(self) -> None:
        return

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, InvalidTokenError):
            challenge = {"WWW-Authenticate": f'Bearer realm="{_REALM}", error="invalid_token"'}
            detail = "The access token is not valid or has ended; sign in or refresh it."
            raise Problem(401, "invalid_token", detail, headers=challenge) from None
        if isinstance(error, KeysUnavailableError):
            detail = "The signing keys could not be read yet; try again."
            raise Problem(503, "keys_unavailable", detail, headers={"Retry-After": "1"}) from None


def _insufficient(scope: str | None, detail: str) -> Problem:
    asked = f', scope="{scope}"' if scope else ""
    challenge = {"WWW-Authenticate": f'Bearer realm="{_REALM}", error="insufficient_scope"{asked}'}
    return Problem(403, "insufficient_scope", detail, headers=challenge)
