"""Signing out, which also succeeds for a session that has ended already."""

from collections.abc import Callable
from dataclasses import dataclass

from flask import Response, request
from waybill_common.http import (
    PERSON,
    GuardedBlueprint,
    current_caller,
    empty_answer,
    operation,
    render_problem,
)
from waybill_common.problems import Problem
from waybill_common.tokens import Caller, InvalidTokenError

from waybill_auth.use_cases.log_out import LogOut
from waybill_auth.views.origin import request_origin
from waybill_auth.views.schemas import LogoutQuery


@dataclass(frozen=True)
class SignOut:
    """The use case, and the verifier's judgement without the question whether the session has ended."""

    log_out: Callable[[LogOut], None]
    verify_ended: Callable[[str], Caller]


def logout_blueprint(use: SignOut) -> GuardedBlueprint:
    """Return the route that signs out."""
    routes = GuardedBlueprint("logout", __name__, access=PERSON)

    @routes.post("/v1/logout")
    @operation(query=LogoutQuery, answers={204: None})
    def log_out(query: LogoutQuery) -> Response:
        """End the caller's session, his others, or all of them."""
        caller = current_caller()
        use.log_out(LogOut(caller.subject, caller.session_id, query.scope, request_origin()))
        return empty_answer()

    @routes.errorhandler(Problem)
    def forgive_ended(problem: Problem) -> Response:
        """Answer 204 where the guard refused a genuine token only because its session has ended: that was the wish."""
        if problem.code == "invalid_token" and _is_genuine(use):
            return empty_answer()
        return render_problem(problem)

    return routes


def _is_genuine(use: SignOut) -> bool:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer":
        return False
    try:
        return use.verify_ended(token.strip()).kind == "person"
    except InvalidTokenError:
        return False
