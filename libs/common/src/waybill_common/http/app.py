"""The Flask application that every service starts from."""

import re
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field

from flask import Flask, Response, g, request
from prometheus_client import CollectorRegistry
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.routing import BaseConverter

from waybill_common.http.access import GuardedBlueprint
from waybill_common.http.failures import DomainErrors, install_failures
from waybill_common.http.metrics import HttpServerMetrics
from waybill_common.http.openapi import openapi_blueprint
from waybill_common.ids import uuid7
from waybill_common.sessions import DEADLINE_HEADER, Connector, deadline_scope, read_deadline
from waybill_common.telemetry import current_request_id, get_logger, use_context
from waybill_common.tokens import Verifier

_DEADLINE_SECONDS = 10.0
_REQUEST_ID = re.compile(r"^[A-Za-z0-9._-]{1,128}$")
_log = get_logger("waybill.access")


@dataclass(frozen=True, kw_only=True)
class ServiceParts:
    """What the application of one service is made of."""

    name: str
    registry: CollectorRegistry
    verifier: Verifier
    blueprints: Sequence[GuardedBlueprint]
    domain_errors: DomainErrors = field(default_factory=dict)
    connectors: Mapping[str, Connector] = field(default_factory=dict)
    confirm_token: Callable[[str], None] | None = None
    trusted_hosts: Sequence[str] = ()
    proxy_hops: int = 0
    body_limit_bytes: int = 16 * 1024


class _Segment(BaseConverter):
    """A segment of a path; one with a NUL matches no route, because no column of PostgreSQL can hold it."""

    regex = r"[^/\x00]+"
    part_isolating = True


def create_service_app(parts: ServiceParts) -> Flask:
    """Return the application: ids, deadline, guards, problems, metrics, access log and `/openapi.json`."""
    app = Flask(parts.name, static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = parts.body_limit_bytes
    app.config["TRUSTED_HOSTS"] = list(parts.trusted_hosts) or None
    app.url_map.merge_slashes = False
    app.url_map.converters["default"] = _Segment
    app.extensions["connectors"] = dict(parts.connectors)
    app.extensions["verifier"] = parts.verifier
    app.extensions["confirm_token"] = parts.confirm_token
    if parts.confirm_token is None and any(blueprint.access.risky for blueprint in parts.blueprints):
        raise ValueError("a blueprint is risky, but nothing can confirm a token: give ServiceParts a confirm_token")
    metrics = HttpServerMetrics(parts.registry)
    app.before_request(lambda: _begin(metrics))
    app.after_request(lambda response: _finish(response, metrics))
    app.teardown_request(_leave)
    install_failures(app, parts.domain_errors)
    for blueprint in parts.blueprints:
        app.register_blueprint(blueprint)
    app.register_blueprint(openapi_blueprint(parts.name))
    if parts.proxy_hops:
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=parts.proxy_hops, x_proto=parts.proxy_hops)  # type: ignore[method-assign]
    return app


def _begin(metrics: HttpServerMetrics) -> None:
    g.started = time.perf_counter()
    metrics.started(request.method)
    given = request.headers.get("X-Request-Id", "")
    scopes = ExitStack()
    scopes.enter_context(
        use_context(
            request_id=given if _REQUEST_ID.match(given) else str(uuid7()),
            traceparent=request.headers.get("traceparent"),
        )
    )
    scopes.enter_context(deadline_scope(_deadline()))
    g.scopes = scopes


def _deadline() -> float:
    """Return the seconds that the caller still waits, our own bound when he does not say."""
    return read_deadline(request.headers.get(DEADLINE_HEADER), _DEADLINE_SECONDS)


def _finish(response: Response, metrics: HttpServerMetrics) -> Response:
    seconds = time.perf_counter() - g.started
    route = request.url_rule.rule if request.url_rule is not None else None
    metrics.finished(request.method, route, response.status_code, seconds)
    response.headers["X-Request-Id"] = current_request_id() or ""
    response.headers.setdefault("X-Content-Type-Options", "nosniff")
    if "Authorization" in request.headers:
        response.headers.setdefault("Cache-Control", "no-store")
    _log.info(
        "request", method=request.method, route=route, status=response.status_code, duration_ms=round(seconds * 1000, 2)
    )
    return response


def _leave(_error: BaseException | None) -> None:
    scopes: ExitStack | None = g.pop("scopes", None)
    if scopes is not None:
        scopes.close()
