"""The Flask application that every service starts from."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from flask import Flask, Request
from flask.sessions import SessionInterface
from prometheus_client import CollectorRegistry
from werkzeug.middleware.proxy_fix import ProxyFix
from werkzeug.routing import BaseConverter

from waybill_common.http.access import GuardedBlueprint
from waybill_common.http.failures import DomainErrors, install_failures
from waybill_common.http.metrics import HttpServerMetrics
from waybill_common.http.openapi import openapi_blueprint
from waybill_common.http.scope import RequestScope
from waybill_common.sessions import Connector
from waybill_common.tokens import Verifier


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


class _NoSessions(SessionInterface):
    def open_session(self, app: Flask, request: Request) -> None:
        """Return nothing, for which Flask takes its null session."""


class _Segment(BaseConverter):
    """A segment of a path; one with a NUL matches no route, because no column of PostgreSQL can hold it."""

    regex = r"[^/\x00]+"
    part_isolating = True


class _Application(Flask):
    """Flask without what no service uses: views that are coroutines, and sessions in cookies."""

    session_interface = _NoSessions()

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """Return the function; Flask looks five times a request whether it is a coroutine."""
        return func


def create_service_app(parts: ServiceParts) -> Flask:
    """Return the application: ids, deadline, guards, problems, metrics, access log and `/openapi.json`."""
    app = _Application(parts.name, static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = parts.body_limit_bytes
    app.config["TRUSTED_HOSTS"] = list(parts.trusted_hosts) or None
    app.url_map.merge_slashes = False
    app.url_map.converters["default"] = _Segment
    app.extensions["connectors"] = dict(parts.connectors)
    app.extensions["verifier"] = parts.verifier
    app.extensions["confirm_token"] = parts.confirm_token
    if parts.confirm_token is None and any(blueprint.access.risky for blueprint in parts.blueprints):
        raise ValueError("a blueprint is risky, but nothing can confirm a token: give ServiceParts a confirm_token")
    install_failures(app, parts.domain_errors)
    for blueprint in parts.blueprints:
        app.register_blueprint(blueprint)
    app.register_blueprint(openapi_blueprint(parts.name))
    app.wsgi_app = RequestScope(app.wsgi_app, HttpServerMetrics(parts.registry))  # type: ignore[method-assign]
    if parts.proxy_hops:
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=parts.proxy_hops, x_proto=parts.proxy_hops)  # type: ignore[method-assign]
    return app
