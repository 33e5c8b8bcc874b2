"""Remove what time has made superfluous, accounts that were never verified among it."""

from datetime import timedelta

from waybill_auth.domain.audit import AuditEntry
from waybill_auth.use_cases import event_steps
from waybill_auth.use_cases.ports import Clock, UnitOfWorkFactory

_BATCH = 200


def purge_expired(unit_of_work: UnitOfWorkFactory, unverified_seconds: int, clock: Clock) -> dict[str, int]:
    """Remove one batch of everything and return the rows removed by table; call it again while there is much.

    An address that nobody verified is free again, so that a typing error or a squatter does not keep it for ever.
    """
    now = clock()
    with unit_of_work() as work:
        removed = work.retention.purge(now)
        stale = work.users.unverified_before(now - timedelta(seconds=unverified_seconds), _BATCH)
        for user_id in stale:
            event_steps.tell(work, user_id, [event_steps.Fact("user.deleted")])
            work.audit(AuditEntry("user.deleted", subject=user_id, reason="never_verified"))
            work.users.remove(user_id)
    return removed | {"users": len(stale)}
