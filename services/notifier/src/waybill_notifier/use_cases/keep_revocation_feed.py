"""Keep the list of revoked sessions complete: take over auth's list at the start, and say that the feed is alive."""

from waybill_notifier.use_cases.ports import RevocationList, UnitOfWorkFactory


def seed_revocations(source: RevocationList, unit_of_work: UnitOfWorkFactory) -> int:
    """Take over what auth has revoked and return how many entries there were; raises DirectoryUnavailableError."""
    entries = source.read()
    with unit_of_work() as work:
        return work.revocations.seed(entries)


def note_living_feed(unit_of_work: UnitOfWorkFactory) -> None:
    """Note that events arrive, and drop what has become pointless."""
    with unit_of_work() as work:
        work.revocations.prune()
        work.revocations.touch()
