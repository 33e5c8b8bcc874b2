"""Tell a starting service what was revoked lately."""

from datetime import datetime, timedelta

from waybill_auth.domain.revocations import Revocation
from waybill_auth.domain.sessions import SessionRules
from waybill_auth.use_cases.ports import Clock, UnitOfWorkFactory

_MARGIN_SECONDS = 60


def list_revocations(
    since: datetime | None, unit_of_work: UnitOfWorkFactory, rules: SessionRules, clock: Clock
) -> list[Revocation]:
    """Return what was revoked since the moment, and in any case nothing whose tokens have all expired."""
    keep_seconds = rules.access_seconds + _MARGIN_SECONDS
    earliest = clock() - timedelta(seconds=keep_seconds)
    with unit_of_work() as work:
        return work.revocations.since(max(since or earliest, earliest), keep_seconds)
