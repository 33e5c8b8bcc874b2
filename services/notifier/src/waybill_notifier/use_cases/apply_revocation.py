"""Note that a session or a user's tokens are revoked, once per event."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from waybill_notifier.use_cases.ports import UnitOfWorkFactory


@dataclass(frozen=True)
class ApplyRevocation:
    """An event `auth.session.revoked` or `auth.user.revoked`."""

    event_id: str
    data: Mapping[str, Any]


def apply_revocation(command: ApplyRevocation, unit_of_work: UnitOfWorkFactory) -> bool:
    """Write the revocation in the transaction that claims the event; False when it was handled before.

    Raises ValueError for a payload that is no revocation.
    """
    with unit_of_work() as work:
        if not work.claim_message(command.event_id):
            return False
        work.revocations.apply(command.data)
    return True
