"""The gateway's HTTP face: charges, their changes, the log, health."""

import re
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar

import flask
import orjson
import sqlalchemy as sa
from pydantic import BaseModel, Field
from waybill_common.database import is_transient, is_unavailable
from waybill_common.idempotency import fingerprint, parse_key
from waybill_common.ids import new_id
from waybill_common.problems import Input, Line, Problem, parse_json, validate
from waybill_common.telemetry import get_logger
from werkzeug.exceptions import HTTPException

from waybill_sandbox import domain
from waybill_sandbox.domain import ChargeRequest, GatewayError, behaviour_of
from waybill_sandbox.ledger import Ledger
from waybill_sandbox.store import KeyedCall, Reply

MAX_AMOUNT = 2**53 - 1
_STATUS: Mapping[type[GatewayError], int] = {
    domain.UnknownTokenError: 422,
    domain.ChargeNotFoundError: 404,
    domain.CurrencyMismatchError: 422,
    domain.AmountTooLargeError: 409,
    domain.ChargeStateError: 409,
    domain.KeyReusedError: 422,
    domain.TemporarilyDownError: 503,
}
_log = get_logger(__name__)
B = TypeVar("B", bound=BaseModel)


class MoneyIn(Input):
    """An amount in minor units."""

    amount: Annotated[int, Field(ge=1, le=MAX_AMOUNT)]
    currency: Annotated[str, Field(pattern=r"^[A-Z]{3}$")]

    def to_domain(self) -> domain.Money:
        """Return the amount as the domain has it."""
        return domain.Money(self.amount, self.currency)


class ChargeIn(Input):
    """Body of `POST /charges`."""

    amount: MoneyIn
    token: Annotated[Line, Field(min_length=1, max_length=100)]
    reference: Annotated[Line, Field(min_length=1, max_length=255)]
    capture: bool = True


class AmountIn(Input):
    """Body of capture and refund: all that is left when the amount is missing."""

    amount: MoneyIn | None = None

    def to_domain(self) -> domain.Money | None:
        """Return the amount as the domain has it."""
        return self.amount.to_domain() if self.amount else None


class NothingIn(Input):
    """Body of void: an empty object, or none."""


@dataclass(frozen=True)
class Delays:
    """How late slow tokens answer; setting `closing` ends every wait."""

    timeout_seconds: float
    closing: threading.Event

    def wait(self) -> None:
        """Hold the answer back, past the deadline of whoever asked."""
        self.closing.wait(self.timeout_seconds)


def make_blueprint(ledger: Ledger, engine: sa.Engine, delays: Delays) -> flask.Blueprint:
    """Return the routes of `http.md`, "sandbox gateway"."""
    blueprint = flask.Blueprint("gateway", __name__)
    _add_charges(blueprint, ledger, delays)
    _add_changes(blueprint, ledger)
    _add_health(blueprint, engine)
    return blueprint


def add_error_handlers(app: flask.Flask) -> None:
    """Answer every failure as a problem (RFC 9457), crashes included."""

    @app.before_request
    def refuse_nul() -> None:
        if any("\x00" in text for text in (flask.request.path, *flask.request.args.values())):
            raise Problem(400, "invalid_address", "An address holds no NUL.")

    @app.errorhandler(Problem)
    def refused(problem: Problem) -> flask.Response:
        return _problem_response(problem)

    @app.errorhandler(GatewayError)
    def refused_by_domain(error: GatewayError) -> flask.Response:
        status = _STATUS[type(error)]
        headers = {"Retry-After": "1"} if status == 503 else {}
        return _problem_response(Problem(status, error.code, str(error), headers=headers))

    @app.errorhandler(HTTPException)
    def refused_by_router(error: HTTPException) -> flask.Response:
        code = re.sub(r"\W+", "_", (error.name or "error").lower())
        return _problem_response(Problem(error.code or 500, code, error.description or ""))

    @app.errorhandler(sa.exc.SQLAlchemyError)
    def database_failed(error: sa.exc.SQLAlchemyError) -> flask.Response:
        if not (is_unavailable(error) or is_transient(error)):
            return crashed(error)
        _log.warning("database_away", error=str(error))
        return _problem_response(Problem(503, "database_unavailable", "Try again.", headers={"Retry-After": "1"}))

    @app.errorhandler(Exception)
    def crashed(error: Exception) -> flask.Response:
        _log.error("crashed", exc_info=error)
        return _problem_response(Problem(500, "internal_error", "The gateway failed; its log says why."))


def _add_charges(blueprint: flask.Blueprint, ledger: Ledger, delays: Delays) -> None:
    @blueprint.post("/charges")
    def charge() -> flask.Response:
        body = _body(ChargeIn)
        behaviour = behaviour_of(body.token)
        if behaviour.is_lost:
            delays.wait()
            raise Problem(504, "lost", "The request was lost on the way; nothing was charged.")
        request = ChargeRequest(body.amount.to_domain(), body.token, body.reference, body.capture)
        made = ledger.charge(_keyed_call(), request)
        if behaviour.answers_late:
            delays.wait()
        return _reply(made)

    @blueprint.get("/charges")
    def find_charges() -> flask.Response:
        reference = flask.request.args.get("reference")
        if not reference:
            raise Problem(400, "reference_required", "Ask for GET /charges?reference=…")
        return _json({"data": ledger.find(reference), "next_cursor": None, "has_more": False})

    @blueprint.get("/log")
    def log() -> flask.Response:
        return _json({"data": ledger.log(), "next_cursor": None, "has_more": False})


def _add_changes(blueprint: flask.Blueprint, ledger: Ledger) -> None:
    @blueprint.post("/charges/<charge_id>/capture")
    def capture(charge_id: str) -> flask.Response:
        body = _body(AmountIn)
        return _reply(ledger.capture(_keyed_call(), charge_id, body.to_domain()))

    @blueprint.post("/charges/<charge_id>/void")
    def void(charge_id: str) -> flask.Response:
        _body(NothingIn)
        return _reply(ledger.void(_keyed_call(), charge_id))

    @blueprint.post("/charges/<charge_id>/refund")
    def refund(charge_id: str) -> flask.Response:
        body = _body(AmountIn)
        return _reply(ledger.refund(_keyed_call(), charge_id, body.to_domain()))


def _add_health(blueprint: flask.Blueprint, engine: sa.Engine) -> None:
    @blueprint.get("/livez")
    def livez() -> flask.Response:
        return _json({"status": "ok"})

    @blueprint.get("/readyz")
    def readyz() -> flask.Response:
        with engine.connect() as connection:
            connection.execute(sa.text("SELECT 1 FROM charges LIMIT 1"))
        return _json({"status": "ok"})


def _body(model: type[B]) -> B:
    raw = flask.request.get_data()
    parsed = parse_json(raw, flask.request.content_type) if raw else {}
    return validate(model, parsed)


def _keyed_call() -> KeyedCall:
    """Return the request's key, bare or quoted, and the SHA-256 of what it asks for."""
    try:
        key = parse_key(flask.request.headers.get("Idempotency-Key", ""))
    except ValueError as error:
        raise Problem(400, "idempotency_key_required", f"Send an Idempotency-Key: {error}.") from None
    raw = flask.request.get_data()
    body = orjson.loads(raw) if raw else {}
    return KeyedCall(key, fingerprint(flask.request.method, flask.request.path, body))


def _reply(reply: Reply) -> flask.Response:
    return flask.Response(reply.body, reply.status, content_type="application/json")


def _json(value: Any) -> flask.Response:
    return flask.Response(orjson.dumps(value), content_type="application/json")


def _problem_response(problem: Problem) -> flask.Response:
    request_id = flask.request.headers.get("X-Request-Id") or new_id("req")
    body = problem.body(flask.request.path, request_id)
    headers = {**problem.headers, "X-Request-Id": request_id}
    return flask.Response(body, problem.status, headers, content_type="application/problem+json")
