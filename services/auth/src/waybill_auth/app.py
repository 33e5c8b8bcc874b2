"""The Flask application of auth."""

from flask import Flask
from waybill_common.http import ServiceParts, create_service_app
from waybill_common.http.dead_letter_views import dead_letters_blueprint

from waybill_auth.bootstrap import Dependencies
from waybill_auth.views.accounts import accounts_blueprint
from waybill_auth.views.errors import DOMAIN_ERRORS
from waybill_auth.views.internal import internal_blueprints
from waybill_auth.views.logout import logout_blueprint
from waybill_auth.views.oauth import oauth_blueprint
from waybill_auth.views.pages import pages_blueprint
from waybill_auth.views.profile import profile_blueprint
from waybill_auth.views.well_known import well_known_blueprint


def create_app(dependencies: Dependencies) -> Flask:
    """Return the application with all blueprints, guards and answers to errors."""
    settings = dependencies.settings
    return create_service_app(
        ServiceParts(
            name=settings.service,
            registry=dependencies.registry,
            verifier=dependencies.verifier,
            blueprints=[
                accounts_blueprint(dependencies.accounts),
                profile_blueprint(dependencies.own_account),
                logout_blueprint(dependencies.sign_out),
                oauth_blueprint(dependencies.oauth),
                well_known_blueprint(dependencies.well_known),
                pages_blueprint(),
                *internal_blueprints(dependencies.internal),
                dead_letters_blueprint(dependencies.open_letters),
            ],
            domain_errors=DOMAIN_ERRORS,
            trusted_hosts=settings.hosts,
            proxy_hops=settings.trusted_proxy_hops,
        )
    )
