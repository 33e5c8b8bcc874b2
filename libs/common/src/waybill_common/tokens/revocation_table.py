"""Writing what the issuer ended into the service's own database: its consumer's side of revocation."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, Self, TypeGuard

import sqlalchemy as sa

# The newest word wins whichever comes first: events may be doubled or out of order, and seeding overlaps with them.
_UPSERT = sa.text("""
    INSERT INTO revocation (kind, id, not_before, until) VALUES (:kind, :id, :not_before, :until)
    ON CONFLICT (kind, id) DO UPDATE SET
        not_before = greatest(revocation.not_before, excluded.not_before),
        until = greatest(revocation.until, excluded.until)
""")
# A verifier's clock may be some seconds behind and allows for more; a minute more costs nothing.
_PRUNE = sa.text("DELETE FROM revocation WHERE until < extract(epoch FROM now()) - 60")
_TOUCH = sa.text("""
    INSERT INTO feed_state (seen_at) VALUES (now())
    ON CONFLICT (the_only_row) DO UPDATE SET seen_at = greatest(feed_state.seen_at, excluded.seen_at)
""")
_SEEN_AT = sa.text("SELECT seen_at FROM feed_state")


@dataclass(frozen=True, slots=True)
class Revocation:
    """One revocation: all tokens of a session (`sid`), or those of a subject (`sub`) issued before `not_before`.

    Times are whole epoch seconds; after `until` no such token is alive.
    """

    kind: Literal["sid", "sub"]
    id: str
    not_before: int | None
    until: int

    @classmethod
    def from_event(cls, data: Mapping[str, Any]) -> Self:
        """Read the payload `{sid, until}` or `{sub, not_before, until}`; raises ValueError for anything else."""
        kind = "sid" if "sid" in data else "sub"
        return cls.from_entry({**data, "kind": kind, "id": data.get(kind)})

    @classmethod
    def from_entry(cls, entry: Mapping[str, Any]) -> Self:
        """Read an entry `{kind, id, not_before, until}` of the issuer's list; raises ValueError for anything else."""
        kind, id_, until = entry.get("kind"), entry.get("id"), entry.get("until")
        not_before = entry.get("not_before") if kind == "sub" else None
        if kind not in {"sid", "sub"} or not isinstance(id_, str) or not id_ or not _is_second(until):
            raise ValueError(f"no revocation: kind {kind!r}, id {id_!r}, until {until!r}")
        if kind == "sub" and not _is_second(not_before):
            raise ValueError(f"the revocation of {id_!r} says nothing of not_before: {not_before!r}")
        return cls(kind, id_, not_before, until)


class RevocationTable:
    """The revocations in the transaction of `connection`; the caller commits."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def apply(self, data: Mapping[str, Any]) -> None:
        """Take over one event payload, as often as it comes; raises ValueError when it is none."""
        self._put([Revocation.from_event(data)])

    def seed(self, entries: Iterable[Mapping[str, Any]]) -> int:
        """Take over the issuer's list and return how many there were; raises ValueError when an entry is none."""
        revocations = [Revocation.from_entry(entry) for entry in entries]
        self._put(revocations)
        return len(revocations)

    def prune(self) -> int:
        """Remove what no living token can meet any more; return how many rows went."""
        return self._connection.execute(_PRUNE).rowcount

    def touch(self) -> None:
        """Note that the feed is alive: the channel is open and the last seeding succeeded. Called every 10 s."""
        self._connection.execute(_TOUCH)

    def feed_seen_at(self) -> datetime | None:
        """Return when the feed was last noted alive, by the database's clock; None before the first time."""
        seen_at: datetime | None = self._connection.execute(_SEEN_AT).scalar_one_or_none()
        return seen_at

    def _put(self, revocations: list[Revocation]) -> None:
        if revocations:
            rows = [
                {"kind": one.kind, "id": one.id, "not_before": one.not_before, "until": one.until}
                # In one order everywhere, or two writers could lock each other's rows.
                for one in sorted(revocations, key=lambda one: (one.kind, one.id))
            ]
            self._connection.execute(_UPSERT, rows)


def _is_second(value: object) -> TypeGuard[int]:
    return type(value) is int and 0 <= value < 2**33
