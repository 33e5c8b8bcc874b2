"""The notifier's web application, made of its dependencies."""

from flask import Flask
from waybill_common.http import ServiceParts, create_service_app

from waybill_notifier.bootstrap import WebDependencies
from waybill_notifier.views.errors import NOTIFIER_ERRORS


def create_app(dependencies: WebDependencies) -> Flask:
    """Return the Flask application: blueprints, guards, errors."""
    settings = dependencies.settings
    return create_service_app(
        ServiceParts(
            name=settings.service,
            registry=dependencies.registry,
            verifier=dependencies.verifier,
            blueprints=dependencies.blueprints,
            domain_errors=NOTIFIER_ERRORS,
            trusted_hosts=settings.hosts,
            proxy_hops=settings.trusted_proxy_hops,
        )
    )
