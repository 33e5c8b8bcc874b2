"""Remove what is past its retention: facts of mails after 30 days, the ledger after 13 months, the library's rows."""

from typing import Protocol

BATCH = 1_000


class Retention(Protocol):
    """Removes one batch of each kind in its own transaction."""

    def purge(self, limit: int) -> int:
        """Remove at most `limit` rows of each kind; returns the largest number removed of one kind."""


def purge_old(retention: Retention) -> int:
    """Remove in batches until nothing is left and return how many batches it took."""
    batches = 1
    while retention.purge(BATCH) >= BATCH:
        batches += 1
    return batches
