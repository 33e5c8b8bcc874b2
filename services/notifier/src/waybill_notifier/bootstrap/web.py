"""Fits the web process together."""

from collections.abc import Mapping
from dataclasses import dataclass

from prometheus_client import CollectorRegistry
from waybill_common.health import Check
from waybill_common.http import GuardedBlueprint
from waybill_common.http.dead_letter_views import dead_letters_blueprint
from waybill_common.sessions import ConnectorMetrics
from waybill_common.telemetry import process_registry
from waybill_common.tokens import RevocationView, Verifier, VerifierSettings, jwks_keys

from waybill_notifier.bootstrap.parts import mail_renderer, make_service_engine, schema_check, unit_of_work_factory
from waybill_notifier.config import Settings
from waybill_notifier.repositories.dead_letters import dead_letters_of
from waybill_notifier.repositories.ledger_queries import LedgerQueries
from waybill_notifier.views.deliveries import deliveries_blueprint, delivery_commands_blueprint
from waybill_notifier.views.notifications import notifications_blueprint
from waybill_notifier.views.unsubscribe import unsubscribe_blueprint


@dataclass(frozen=True, kw_only=True)
class WebDependencies:
    """What `app.create_app` needs."""

    settings: Settings
    registry: CollectorRegistry
    verifier: Verifier
    blueprints: list[GuardedBlueprint]
    ready_checks: Mapping[str, Check]


def web_dependencies(settings: Settings) -> WebDependencies:
    """Fit the web side together; call it after the fork."""
    registry = process_registry(settings, "web")
    engine = make_service_engine(settings, "notifier-web", settings.web_threads, registry)
    work = unit_of_work_factory(settings, engine, "notifier-web")
    queries = LedgerQueries(engine)
    keys = jwks_keys(settings.jwks_url, ConnectorMetrics(registry))
    return WebDependencies(
        settings=settings,
        registry=registry,
        verifier=Verifier(VerifierSettings(settings.issuer, settings.service), keys, RevocationView(engine)),
        blueprints=[
            notifications_blueprint(queries, mail_renderer(settings), work),
            deliveries_blueprint(queries),
            delivery_commands_blueprint(work),
            dead_letters_blueprint(dead_letters_of(engine)),
            unsubscribe_blueprint(),
        ],
        ready_checks={**schema_check(engine), "keys": lambda: None if keys.is_ready() else "no signing keys yet"},
    )
