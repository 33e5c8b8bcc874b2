"""The throttle's first step, in a transaction of its own: it touches only an unlogged table, so its commit is cheap."""

from waybill_auth.domain.audit import Origin
from waybill_auth.domain.errors import TooManyAttemptsError
from waybill_auth.domain.throttles import Window, client_of
from waybill_auth.use_cases.ports import LinkKeys, UnitOfWorkFactory


def admit_client(unit_of_work: UnitOfWorkFactory, links: LinkKeys, kind: str, window: Window, origin: Origin) -> None:
    """Count one request of this client address; raises TooManyAttemptsError above the limit."""
    with unit_of_work() as work:
        wait = work.throttle.count(links.bucket(f"{kind}-ip", client_of(origin.ip)), window)
    if wait:
        raise TooManyAttemptsError(wait)
