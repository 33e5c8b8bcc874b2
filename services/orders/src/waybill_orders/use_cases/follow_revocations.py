"""Keep what auth has revoked where every web process of this service reads it."""

from collections.abc import Callable, Iterable, Mapping
from types import TracebackType
from typing import Any, Protocol, Self

CONSUMER = "revocations"


class Revocations(Protocol):
    """The revocations of this transaction (`waybill_common.tokens.RevocationTable`)."""

    def apply(self, data: Mapping[str, Any]) -> None:
        """Take over one event payload; raises ValueError when it is none."""

    def seed(self, entries: Iterable[Mapping[str, Any]]) -> int:
        """Take over the issuer's list; raises ValueError when an entry is none."""

    def prune(self) -> int:
        """Remove what no living token can meet any more."""

    def touch(self) -> None:
        """Note that the feed is alive."""


class FeedUnitOfWork(Protocol):
    """One transaction over the revocations and the inbox."""

    @property
    def revocations(self) -> Revocations:
        """Revocations of this transaction."""

    def claim_message(self, consumer: str, message_id: str) -> bool:
        """Take a message; False when its effect is committed already."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


FeedUnitOfWorkFactory = Callable[[], FeedUnitOfWork]


def take_revocation(message_id: str, data: Mapping[str, Any], unit_of_work: FeedUnitOfWorkFactory) -> bool:
    """Keep what one event revokes; False when it was taken before. Raises ValueError for a payload that is none."""
    with unit_of_work() as work:
        if not work.claim_message(CONSUMER, message_id):
            return False
        work.revocations.apply(data)
        return True


def seed_revocations(entries: Iterable[Mapping[str, Any]], unit_of_work: FeedUnitOfWorkFactory) -> int:
    """Keep what a starting service must know and return how many entries there were; raises ValueError for none."""
    with unit_of_work() as work:
        return work.revocations.seed(entries)


def note_feed_alive(unit_of_work: FeedUnitOfWorkFactory) -> None:
    """Note that the feed is alive, and drop what no living token can meet."""
    with unit_of_work() as work:
        work.revocations.touch()
        work.revocations.prune()
