"""Every failure of every route as a problem: refusals, routing errors, an absent database or peer, and crashes."""

from collections.abc import Callable, Mapping
from typing import Any

import sqlalchemy.exc
from flask import Flask, Response, request
from werkzeug.exceptions import HTTPException

from waybill_common.database import is_transient, is_unavailable
from waybill_common.idempotency import KeyInProgressError, KeyReusedError
from waybill_common.problems import Problem
from waybill_common.problems.problem import MEDIA_TYPE
from waybill_common.sessions import PeerError
from waybill_common.telemetry import current_request_id, fail_span, get_logger

DomainErrors = Mapping[type[Exception], Callable[[Any], Problem]]

_CODES = {
    400: ("bad_request", "The request cannot be read."),
    404: ("not_found", "Nothing is at this address, or it is not yours."),
    405: ("method_not_allowed", "This address knows other methods; see the Allow header."),
    413: ("body_too_large", "The body is larger than this route accepts."),
    415: ("unsupported_media_type", "Send the body as application/json in UTF-8."),
}
_log = get_logger(__name__)


def install_failures(app: Flask, domain_errors: DomainErrors) -> None:
    """Register the handlers; `domain_errors` is the service's one table from domain error to problem."""
    app.register_error_handler(Problem, render_problem)
    app.register_error_handler(HTTPException, _on_routing_error)
    app.register_error_handler(sqlalchemy.exc.SQLAlchemyError, _on_database_error)
    app.register_error_handler(PeerError, _on_peer_error)
    app.register_error_handler(KeyReusedError, _on_key_reused)
    app.register_error_handler(KeyInProgressError, _on_key_in_progress)
    app.register_error_handler(Exception, _on_crash)
    for kind, make in domain_errors.items():
        app.register_error_handler(kind, _as_problem(make))


def render_problem(problem: Problem) -> Response:
    """Turn a problem into its response; nothing of it may be cached."""
    response = Response(
        problem.body(request.path, current_request_id()), problem.status, problem.headers, content_type=MEDIA_TYPE
    )
    response.headers["Cache-Control"] = "no-store"
    return response


def database_problem(error: Exception) -> Problem | None:
    """Return the 503 for a database that is away or a row that is busy, None for any other error."""
    if is_unavailable(error):
        detail = (
            "The database is away. Send the same request again, a keyed one with the same key: it takes effect once."
        )
        return Problem(503, "database_unavailable", detail, headers={"Retry-After": "1"})
    if is_transient(error):
        detail = "What this command needs is busy; nothing was changed. Try again."
        return Problem(503, "busy", detail, headers={"Retry-After": "1"})
    return None


def _as_problem(make: Callable[[Any], Problem]) -> Callable[[Exception], Response]:
    return lambda error: render_problem(make(error))


def _on_routing_error(error: HTTPException) -> Any:
    status = error.code or 500
    if status < 400:
        return error
    code, detail = _CODES.get(status, (f"http_{status}", error.description or ""))
    headers = {name: value for name, value in error.get_headers() if name == "Allow"}
    return render_problem(Problem(status, code, detail, headers=headers))


def _on_database_error(error: sqlalchemy.exc.SQLAlchemyError) -> Response:
    problem = database_problem(error)
    if problem is None:
        return _on_crash(error)
    _log.warning("database_refused", code=problem.code, error=str(error).splitlines()[0])
    return render_problem(problem)


def _on_peer_error(error: PeerError) -> Response:
    _log.warning("peer_failed", peer=error.peer, reason=error.reason)
    detail = f"The service {error.peer} did not answer; try again."
    return render_problem(Problem(503, "peer_unavailable", detail, headers={"Retry-After": "1"}))


def _on_key_reused(_error: KeyReusedError) -> Response:
    detail = "This Idempotency-Key was used for another request; use a new key."
    return render_problem(Problem(422, "idempotency_key_reused", detail))


def _on_key_in_progress(_error: KeyInProgressError) -> Response:
    detail = "The first request with this Idempotency-Key is still running; ask again."
    headers = {"Retry-After": "1"}
    return render_problem(Problem(409, "idempotency_in_progress", detail, headers=headers, retryable=True))


def _on_crash(error: Exception) -> Response:
    fail_span(error)
    _log.error("request_crashed", exc_info=error)
    detail = "Something broke on our side. Name the request_id when you report it."
    return render_problem(Problem(500, "internal_error", detail, retryable=False))
