"""What anyone may ask for: register, verify, sign in, refresh, forgot and reset."""

from collections.abc import Callable
from dataclasses import dataclass

from flask import Response
from waybill_common.http import PUBLIC, GuardedBlueprint, empty_answer, json_answer, operation

from waybill_auth.domain.errors import DomainError, InvalidGrantError
from waybill_auth.use_cases.log_in import LogIn
from waybill_auth.use_cases.refresh_session import RefreshSession
from waybill_auth.use_cases.register import Register
from waybill_auth.use_cases.request_password_reset import RequestPasswordReset
from waybill_auth.use_cases.reset_password import ResetPassword
from waybill_auth.use_cases.session_steps import SessionTokens
from waybill_auth.use_cases.verify_email import VerifyEmail
from waybill_auth.views.origin import request_origin
from waybill_auth.views.schemas import (
    Empty,
    ForgotBody,
    LoginBody,
    RefreshBody,
    RegisterBody,
    ResetBody,
    TokensAnswer,
    VerifyBody,
)

_NO_STORE = "no-store"


@dataclass(frozen=True)
class Accounts:
    """The use cases behind these routes; the counters take an outcome."""

    register: Callable[[Register], None]
    verify_email: Callable[[VerifyEmail], None]
    log_in: Callable[[LogIn], SessionTokens]
    refresh_session: Callable[[RefreshSession], SessionTokens]
    request_password_reset: Callable[[RequestPasswordReset], None]
    reset_password: Callable[[ResetPassword], None]
    count_login: Callable[[str], None]
    count_refresh: Callable[[str], None]
    default_locale: str


def accounts_blueprint(use: Accounts) -> GuardedBlueprint:
    """Return the public routes of accounts."""
    routes = GuardedBlueprint("accounts", __name__, access=PUBLIC)
    _add_sign_in(routes, use)
    _add_passwords(routes, use)

    @routes.post("/v1/register")
    @operation(body=RegisterBody, answers={202: Empty})
    def register(body: RegisterBody) -> Response:
        """Register an account; the answer is the same whether the address was free or not."""
        locale = body.locale or use.default_locale
        use.register(Register(body.email, body.password, body.name, locale, request_origin()))
        return json_answer({}, 202, cache=_NO_STORE)

    @routes.post("/v1/email/verify")
    @operation(body=VerifyBody, answers={204: None})
    def verify(body: VerifyBody) -> Response:
        """Verify an address with the mailed token and state the password."""
        use.verify_email(VerifyEmail(body.token, body.password, request_origin()))
        return empty_answer()

    return routes


def _add_sign_in(routes: GuardedBlueprint, use: Accounts) -> None:
    @routes.post("/v1/login")
    @operation(body=LoginBody, answers={200: TokensAnswer})
    def log_in(body: LoginBody) -> Response:
        """Sign in with a password."""
        try:
            tokens = use.log_in(LogIn(body.email, body.password, request_origin()))
        except DomainError as error:
            use.count_login(error.code)
            raise
        use.count_login("succeeded")
        return tokens_answer(tokens)

    @routes.post("/v1/token/refresh")
    @operation(body=RefreshBody, answers={200: TokensAnswer})
    def refresh(body: RefreshBody) -> Response:
        """Exchange a refresh token for new tokens."""
        try:
            tokens = use.refresh_session(RefreshSession(body.refresh_token, origin=request_origin()))
        except InvalidGrantError as error:
            use.count_refresh(error.outcome)
            raise
        use.count_refresh(tokens.outcome)
        return tokens_answer(tokens)


def _add_passwords(routes: GuardedBlueprint, use: Accounts) -> None:
    @routes.post("/v1/password/forgot")
    @operation(body=ForgotBody, answers={202: Empty})
    def forgot(body: ForgotBody) -> Response:
        """Ask for a mail with which the password can be reset."""
        use.request_password_reset(RequestPasswordReset(body.email, request_origin()))
        return json_answer({}, 202, cache=_NO_STORE)

    @routes.post("/v1/password/reset")
    @operation(body=ResetBody, answers={204: None})
    def reset(body: ResetBody) -> Response:
        """Set a new password with the mailed token; nobody is signed in by it."""
        use.reset_password(ResetPassword(body.token, body.password, request_origin()))
        return empty_answer()


def tokens_answer(tokens: SessionTokens) -> Response:
    """Return the answer that carries a session's tokens; nothing on the way may keep it (RFC 6749 section 5.1)."""
    body = {
        "access_token": tokens.access_token,
        "token_type": "Bearer",
        "expires_in": tokens.expires_in,
        "refresh_token": tokens.refresh_token,
        "session_id": tokens.session_id,
    }
    return json_answer(body, cache=_NO_STORE)
