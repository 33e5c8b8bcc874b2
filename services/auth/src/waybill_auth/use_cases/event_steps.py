"""How the use cases tell other services what happened: numbered per account, ids only."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from waybill_common.messaging import NewEvent

from waybill_auth.use_cases.ports import UnitOfWork


@dataclass(frozen=True)
class Fact:
    """Something that happened to an account: `kind` is the event type without `auth.`."""

    kind: str
    data: Mapping[str, Any] = field(default_factory=dict)


def tell(work: UnitOfWork, user_id: str, facts: Sequence[Fact], actor: str | None = None) -> None:
    """Append the facts under the account's next numbers; its row stays locked, so commits keep the order."""
    if not facts:
        return
    first = work.users.raise_sequence(user_id, len(facts)) - len(facts) + 1
    work.append_events(
        [
            NewEvent(f"auth.{fact.kind}", user_id, {"user_id": user_id, **fact.data}, first + offset, actor)
            for offset, fact in enumerate(facts)
        ]
    )
