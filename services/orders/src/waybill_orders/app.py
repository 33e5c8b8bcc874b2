"""The Flask application of orders, and the WSGI callable that also answers on the internal port."""

from flask import Flask
from waybill_common.health import HealthChecks
from waybill_common.http import ServiceParts, create_service_app, with_internal_port
from waybill_common.http.wsgi import Wsgi

from waybill_orders.bootstrap import WebParts
from waybill_orders.views.errors import ORDER_ERRORS


def create_app(parts: WebParts) -> Flask:
    """Return the application: blueprints with their guards, and the table of errors."""
    settings = parts.foundation.settings
    return create_service_app(
        ServiceParts(
            name=settings.service,
            registry=parts.foundation.registry,
            verifier=parts.verifier,
            blueprints=parts.blueprints,
            domain_errors=ORDER_ERRORS,
            connectors=parts.foundation.connectors,
            confirm_token=parts.confirm_token,
            trusted_hosts=settings.hosts,
            proxy_hops=settings.trusted_proxy_hops,
        )
    )


def create_wsgi(parts: WebParts) -> Wsgi:
    """Return the application together with health checks and metrics on the internal port."""
    checks = HealthChecks(parts.foundation.registry, ready=parts.ready_checks)
    return with_internal_port(create_app(parts).wsgi_app, checks, parts.foundation.settings.internal_port)
