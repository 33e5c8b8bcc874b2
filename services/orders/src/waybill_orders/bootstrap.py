"""Fits the adapters to the ports: the only file that knows both; all of it is made after the fork, once a process."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import sqlalchemy as sa
from prometheus_client import CollectorRegistry
from waybill_common.database import (
    DatabaseMetrics,
    DirectPool,
    Doorbell,
    EngineOptions,
    expected_revision,
    make_engine,
    revision_is_ready,
)
from waybill_common.health import Check
from waybill_common.http import GuardedBlueprint
from waybill_common.http.dead_letter_views import dead_letters_blueprint
from waybill_common.jobs import Handler
from waybill_common.messaging import DeadLetters, EventRouter
from waybill_common.sessions import Connector, ConnectorMetrics, ConnectorOptions
from waybill_common.telemetry import process_registry
from waybill_common.tokens import (
    JwksKeys,
    RevocationView,
    ServiceTokens,
    TokenConfirmation,
    Verifier,
    VerifierSettings,
    jwks_keys,
)

from waybill_orders.config import Settings
from waybill_orders.consumers.user_events import RevocationFeed, user_events
from waybill_orders.gateways.auth_revocations import read_revocations
from waybill_orders.gateways.metrics import OrderMetrics
from waybill_orders.gateways.sandbox_gateway import SandboxGateway, SandboxWebhooks
from waybill_orders.jobs import clean_up, return_money, settle_payments
from waybill_orders.jobs import expire_orders as expiry
from waybill_orders.models.signals import Signals
from waybill_orders.repositories.audit import find_violations
from waybill_orders.repositories.money_queries import SqlMoneyQueries
from waybill_orders.repositories.order_desk import SqlOrderDesk
from waybill_orders.repositories.order_queries import PREPARED, SqlOrderQueries
from waybill_orders.repositories.product_queries import SqlProductQueries
from waybill_orders.repositories.retention import Retention
from waybill_orders.repositories.unit_of_work import OrdersUnitOfWork
from waybill_orders.use_cases.expire_orders import expire_orders
from waybill_orders.use_cases.return_money import return_money as return_money_of
from waybill_orders.use_cases.settle_payments import Sweeper
from waybill_orders.use_cases.settle_payments import settle_payments as settle_due_payments
from waybill_orders.views.fulfillments import fulfillments_blueprints
from waybill_orders.views.orders import OrderTerms, orders_blueprint
from waybill_orders.views.payment_answers import JsonMoneyAnswers
from waybill_orders.views.payments import MoneyDesk, payments_blueprints
from waybill_orders.views.products import products_blueprints
from waybill_orders.views.refunds import refunds_blueprints
from waybill_orders.views.remarks import remarks_blueprint
from waybill_orders.views.webhooks import webhooks_blueprint

PACKAGE = "waybill_orders"
_REVOCATIONS_SCOPE = "auth:revocations"


@dataclass(frozen=True, kw_only=True)
class Foundation:
    """What every process of orders stands on.

    `engine` is for transactions, `direct` for statements in autocommit; both connect at need. `background` is a small
    engine for what must not wait behind requests; `metrics` is kept because signals hold their
    receivers weakly.
    """

    settings: Settings
    registry: CollectorRegistry
    engine: sa.Engine
    direct: DirectPool
    background: sa.Engine
    doorbell: Doorbell
    signals: Signals
    metrics: OrderMetrics
    connectors: Mapping[str, Connector]
    calls: ConnectorMetrics | None = None

    def unit_of_work(self) -> OrdersUnitOfWork:
        """Return a new transaction."""
        return OrdersUnitOfWork(self.engine, self.doorbell, self.signals)

    def open_desk(self) -> SqlOrderDesk:
        """Return a new desk for one order."""
        return SqlOrderDesk(self.direct, self.doorbell, self.signals)

    def gateway(self) -> SandboxGateway:
        """Return the payment gateway."""
        return SandboxGateway(self.connectors["gateway"])

    def close(self) -> None:
        """Close connections and threads."""
        self.doorbell.close()
        self.engine.dispose()
        self.direct.close_idle()
        self.background.dispose()


def lay_foundation(settings: Settings, role: str) -> Foundation:
    """Return the foundation of one process; `role` is its part in the application_name, as in `orders-web`."""
    registry = process_registry(settings, role)
    database, calls = DatabaseMetrics(registry), ConnectorMetrics(registry)
    url = settings.database_url.get_secret_value()
    signals = Signals()
    return Foundation(
        settings=settings,
        registry=registry,
        engine=make_engine(url, _engine_options(settings, role, settings.database_pool_size), database),
        direct=DirectPool(
            url,
            _engine_options(settings, f"{role}-direct", settings.database_pool_size),
            database,
            prepare=PREPARED,
        ),
        background=make_engine(url, _engine_options(settings, f"{role}-background", 2), database),
        doorbell=Doorbell(url, f"{settings.service}-{role}"),
        signals=signals,
        metrics=OrderMetrics(registry, signals),
        connectors=_connectors(settings, calls),
        calls=calls,
    )


def _engine_options(settings: Settings, role: str, pool_size: int) -> EngineOptions:
    return EngineOptions(
        application_name=f"{settings.service}-{role}",
        pool_size=pool_size,
        pool_timeout_seconds=settings.database_pool_timeout_seconds,
        statement_timeout_ms=settings.statement_timeout_ms,
        lock_timeout_ms=settings.lock_timeout_ms,
    )


def _connectors(settings: Settings, metrics: ConnectorMetrics) -> dict[str, Connector]:
    tokens = None
    if settings.client_id:
        secret = settings.client_secret
        tokens = ServiceTokens(settings.auth_url, settings.client_id, secret, "auth", [_REVOCATIONS_SCOPE])
    seconds = settings.gateway_deadline_seconds
    patient = ConnectorOptions(read_timeout=seconds, deadline_seconds=seconds)
    return {
        "auth": Connector("auth", settings.auth_url, ConnectorOptions(), tokens, metrics),
        "auth-introspection": Connector("auth-introspection", settings.auth_url, ConnectorOptions(), None, metrics),
        "gateway": Connector("gateway", settings.gateway_url, patient, None, metrics),
    }


@dataclass(frozen=True, kw_only=True)
class WebParts:
    """What the web process is made of, for `app.create_app`."""

    foundation: Foundation
    verifier: Verifier
    confirm_token: Callable[[str], None]
    blueprints: list[GuardedBlueprint]
    ready_checks: Mapping[str, Check]

    @property
    def registry(self) -> CollectorRegistry:
        """The metrics of this process."""
        return self.foundation.registry


def build_web(settings: Settings) -> WebParts:
    """Return the parts of a web process."""
    foundation = lay_foundation(settings, "web")
    keys = jwks_keys(settings.jwks_url, foundation.calls)
    revocations = RevocationView(foundation.background)
    issuer = foundation.connectors["auth-introspection"]
    return WebParts(
        foundation=foundation,
        verifier=Verifier(VerifierSettings(settings.issuer, settings.service), keys, revocations),
        confirm_token=TokenConfirmation(revocations, issuer, settings.client_id, settings.client_secret),
        blueprints=build_blueprints(foundation),
        ready_checks={"schema": partial(_check_schema, foundation), "keys": partial(_check_keys, keys)},
    )


def build_blueprints(foundation: Foundation) -> list[GuardedBlueprint]:
    """Return every route of orders but for the OpenAPI document."""
    unit_of_work, queries = foundation.unit_of_work, SqlOrderQueries(foundation.direct)
    settings = foundation.settings
    terms = OrderTerms(channel=settings.channel, expiry_minutes=settings.expiry_minutes)
    money = MoneyDesk(unit_of_work, foundation.gateway(), JsonMoneyAnswers(), SqlMoneyQueries(foundation.engine))
    webhooks = SandboxWebhooks(settings.webhook_secret.get_secret_value())
    return [
        orders_blueprint(foundation.open_desk, unit_of_work, queries, terms),
        remarks_blueprint(unit_of_work, queries),
        *products_blueprints(unit_of_work, SqlProductQueries(foundation.direct)),
        *payments_blueprints(money),
        *refunds_blueprints(money),
        *fulfillments_blueprints(unit_of_work, queries),
        webhooks_blueprint(unit_of_work, webhooks),
        dead_letters_blueprint(partial(_open_letters, foundation)),
    ]


def build_jobs(foundation: Foundation) -> tuple[dict[str, Handler], dict[str, float]]:
    """Return the handlers of this service's jobs by kind, and the seconds between two runs of the recurring ones."""
    settings, unit_of_work = foundation.settings, foundation.unit_of_work
    retention = Retention(foundation.engine, key_days=settings.key_retention_days, job_days=settings.job_retention_days)
    gateway, answers = foundation.gateway(), JsonMoneyAnswers()
    sweeper = Sweeper(unit_of_work, gateway, answers, settle_payments.report_failure)
    handlers: dict[str, Handler] = {
        expiry.KIND: expiry.expire_orders_job(partial(expire_orders, unit_of_work)),
        clean_up.KIND: clean_up.clean_up_job([retention.remove_keys, retention.remove_jobs, retention.remove_messages]),
        settle_payments.KIND: settle_payments.settle_payments_job(partial(settle_due_payments, sweeper)),
        return_money.KIND: return_money.return_money_job(
            lambda order_id: return_money_of(order_id, unit_of_work, gateway, answers)
        ),
    }
    recurring = {
        expiry.KIND: settings.expire_every_seconds,
        clean_up.KIND: clean_up.EVERY_SECONDS,
        settle_payments.KIND: settle_payments.EVERY_SECONDS,
    }
    return handlers, recurring


def build_user_events(foundation: Foundation) -> EventRouter:
    """Return what is done with the events of `orders.events.v1`."""
    return user_events(foundation.unit_of_work)


def build_feed(foundation: Foundation, is_open: Callable[[], bool]) -> RevocationFeed:
    """Return the loop that seeds the revocations and says that the feed lives while `is_open`."""
    auth = foundation.connectors["auth"]
    return RevocationFeed(foundation.unit_of_work, lambda: read_revocations(auth), is_open)


def audit_database(settings: Settings) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield what breaks an invariant in the service's database: the invariant's name and the row."""
    engine = make_engine(settings.database_url.get_secret_value(), _engine_options(settings, "audit", 1))
    try:
        yield from find_violations(engine)
    finally:
        engine.dispose()


@contextmanager
def _open_letters(foundation: Foundation) -> Iterator[DeadLetters]:
    with foundation.unit_of_work() as work:
        yield DeadLetters(work.connection)


def _check_schema(foundation: Foundation) -> str | None:
    with foundation.background.connect() as connection:
        if revision_is_ready(connection, expected_revision(PACKAGE)):
            return None
    return "the schema is older than this code; run `orders migrate`"


def _check_keys(keys: JwksKeys) -> str | None:
    return None if keys.is_ready() else "the signing keys of auth could not be read yet"
