"""The adapters of one process."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial

from waybill_common.database import (
    DatabaseMetrics,
    Doorbell,
    EngineOptions,
    make_engine,
)
from waybill_common.messaging import DeadLetters
from waybill_common.telemetry import process_registry

from waybill_auth.bootstrap.rules import key_rules, session_rules
from waybill_auth.config import Settings, secret_pairs
from waybill_auth.domain.signing_keys import SigningKey
from waybill_auth.gateways.address_reader import EmailAddressReader
from waybill_auth.gateways.link_keys import MacLinkKeys
from waybill_auth.gateways.secret_ring import SecretRing
from waybill_auth.gateways.session_keys import SealedSessionKeys
from waybill_auth.gateways.signing import KeyForge, RingCache
from waybill_auth.repositories.unit_of_work import AuthUnitOfWork
from waybill_auth.use_cases.desks import LinkRules
from waybill_auth.use_cases.ports import UnitOfWorkFactory


class Wiring:
    """The adapters of one process; make it after the fork."""

    def __init__(self, settings: Settings, process: str) -> None:
        self.settings = settings
        self.registry = process_registry(settings, process)
        self._url = settings.database_url.get_secret_value()
        self.engine = make_engine(
            self._url,
            EngineOptions(
                application_name=f"auth-{process}",
                pool_size=settings.database_pool_size,
                pool_timeout_seconds=settings.database_pool_timeout_seconds,
                statement_timeout_ms=settings.statement_timeout_ms,
                lock_timeout_ms=settings.lock_timeout_ms,
            ),
            DatabaseMetrics(self.registry),
        )
        self._doorbell = Doorbell(self._url, f"auth-{process}")
        self.unit_of_work: UnitOfWorkFactory = partial(AuthUnitOfWork, self.engine, self._doorbell)
        key_ring = SecretRing(secret_pairs(settings.key_encryption_keys))
        self.forge = KeyForge(key_ring.derived("waybill signing keys 1"))
        self.session_keys = SealedSessionKeys(key_ring.derived("waybill session keys 1"))
        self.links = MacLinkKeys(SecretRing(secret_pairs(settings.link_keys)))
        self.addresses = EmailAddressReader()
        self.ring = RingCache(self._read_keys, self.forge, settings.signing_algorithm)
        self.session_rules = session_rules(settings)
        self.link_rules = LinkRules(settings.public_base_url.rstrip("/"), self.links)
        self.key_rules = key_rules(settings)

    def _read_keys(self) -> list[SigningKey]:
        with self.unit_of_work() as work:
            return work.keys.all_live()

    @contextmanager
    def open_letters(self) -> Iterator[DeadLetters]:
        """Open one transaction and hand out its dead letters."""
        with AuthUnitOfWork(self.engine) as work:
            yield DeadLetters(work.connection)

    def close(self) -> None:
        """Ring what waits and close the connections."""
        self._doorbell.close()
        self.engine.dispose()
