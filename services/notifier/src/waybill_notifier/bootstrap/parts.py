"""Adapters that several processes of the notifier have."""

from collections.abc import Callable, Mapping

import sqlalchemy as sa
from prometheus_client import CollectorRegistry
from waybill_common.database import (
    DatabaseMetrics,
    Doorbell,
    EngineOptions,
    expected_revision,
    make_engine,
    revision_is_ready,
)
from waybill_common.health import Check
from waybill_common.sessions import Connector, ConnectorMetrics
from waybill_common.tokens import ServiceTokens

from waybill_notifier.config import Settings
from waybill_notifier.gateways.addresses import address_hash, wire_address
from waybill_notifier.gateways.renderer import Renderer
from waybill_notifier.repositories.unit_of_work import NotifierUnitOfWork, UnitOfWorkOptions
from waybill_notifier.use_cases.ports import UnitOfWorkFactory

PACKAGE = "waybill_notifier"
_AUTH_SCOPES = ("auth:contact", "auth:mail", "auth:revocations")


def make_service_engine(
    settings: Settings, name: str, threads: int, registry: CollectorRegistry | None = None
) -> sa.Engine:
    """An engine with room for so many threads; `name` is what PostgreSQL shows."""
    options = EngineOptions(
        application_name=name,
        pool_size=max(settings.database_pool_size, threads),
        pool_timeout_seconds=settings.database_pool_timeout_seconds,
        statement_timeout_ms=settings.statement_timeout_ms,
        lock_timeout_ms=settings.lock_timeout_ms,
    )
    metrics = DatabaseMetrics(registry) if registry is not None else None
    return make_engine(settings.database_url.get_secret_value(), options, metrics)


def unit_of_work_factory(settings: Settings, engine: sa.Engine, name: str) -> UnitOfWorkFactory:
    """The maker of transactions, with a doorbell of its own."""
    doorbell = Doorbell(settings.database_url.get_secret_value(), name)
    options = UnitOfWorkOptions(settings.suppression_days)
    return lambda: NotifierUnitOfWork(engine, doorbell, options)


def auth_connector(settings: Settings, registry: CollectorRegistry) -> Connector:
    """The session to auth, with our service token."""
    tokens = ServiceTokens(settings.auth_url, settings.client_id, settings.client_secret, "auth", _AUTH_SCOPES)
    return Connector("auth", settings.auth_url, tokens=tokens, metrics=ConnectorMetrics(registry))


def mail_renderer(settings: Settings) -> Renderer:
    """The renderer of this shop's mails."""
    return Renderer(settings.shop_name, can_reply=bool(settings.mail_reply_to))


def hashed_address(key: bytes, address: str) -> bytes:
    """The keyed hash of an address in its wire form; raises UnsendableError for what is no address."""
    return address_hash(key, str(wire_address(address)))


def schema_check(engine: sa.Engine) -> Mapping[str, Check]:
    """Ready when the database answers and its schema is new enough."""
    expected = expected_revision(PACKAGE)

    def check() -> str | None:
        with engine.connect() as connection:
            return None if revision_is_ready(connection, expected) else f"the schema is older than {expected}"

    return {"database": check}


def closing(engine: sa.Engine, *closers: Callable[[], None]) -> Callable[[], None]:
    """One function that runs the closers in order and then lets the engine go."""

    def close() -> None:
        for closer in closers:
            closer()
        engine.dispose()

    return close
