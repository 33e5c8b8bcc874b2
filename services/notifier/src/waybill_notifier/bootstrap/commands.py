"""What a command does by hand."""

from waybill_notifier.bootstrap.parts import hashed_address, make_service_engine
from waybill_notifier.config import Settings
from waybill_notifier.repositories.unit_of_work import NotifierUnitOfWork, UnitOfWorkOptions


def lift_suppression(settings: Settings, address: str) -> bool:
    """Write to an address again; False when it was not suppressed. Raises UnsendableError for what is no address."""
    engine = make_service_engine(settings, "notifier-cli", 1)
    key = settings.secret_key.get_secret_value().encode()
    with NotifierUnitOfWork(engine, None, UnitOfWorkOptions()) as work:
        lifted = work.suppressions.lift(hashed_address(key, address))
    engine.dispose()
    return lifted
