"""The dead letters of one service as rows: filed, searched, shown, and asked to be replayed or discarded."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
import sqlalchemy as sa

from waybill_common.ids import uuid7_text

_UUID = re.compile(r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")
_COLUMNS = (
    "id::text AS id, queue, message_id, type, headers, body, reason, error, first_at, last_at, count, state, "
    "settled_by, settled_at"
)

# The same letter again (its replay failed too) opens the row anew instead of adding another. The same headers mean the
# same death, handed out twice because its drainer was killed before the ack: what was decided since then stays.
_FILE = sa.text(
    """
    INSERT INTO dead_letter (id, queue, message_id, type, headers, body, reason, error, first_at)
    VALUES (:id, :queue, :message_id, :type, CAST(:headers AS jsonb), :body, :reason, :error,
            coalesce(CAST(:first_at AS timestamptz), clock_timestamp()))
    ON CONFLICT (queue, message_id, body_hash) DO UPDATE SET
        headers = excluded.headers, reason = excluded.reason, error = excluded.error, last_at = excluded.last_at,
        count = dead_letter.count + 1, state = 'open', settled_by = NULL, settled_at = NULL
    WHERE dead_letter.headers <> excluded.headers
    """
)
_SEARCH = sa.text(
    f"""
    SELECT {_COLUMNS} FROM dead_letter
    WHERE (CAST(:queue AS text) IS NULL OR queue = :queue)
      AND (CAST(:state AS text) IS NULL OR state = :state)
      AND (CAST(:reason AS text) IS NULL OR reason = :reason)
      AND (CAST(:type AS text) IS NULL OR type = :type)
      AND (CAST(:message_id AS text) IS NULL OR message_id = :message_id)
      AND (CAST(:before AS uuid) IS NULL OR id < CAST(:before AS uuid))
    ORDER BY id DESC LIMIT :limit
    """  # noqa: S608 - a constant list of columns
)
_SHOW = sa.text(f"SELECT {_COLUMNS} FROM dead_letter WHERE id = CAST(:id AS uuid)")  # noqa: S608
_HOLD = sa.text(f"{_SHOW.text} FOR UPDATE")
_SETTLE = sa.text(
    f"""
    UPDATE dead_letter SET state = :state, settled_by = :by, settled_at = clock_timestamp()
    WHERE id = CAST(:id AS uuid) RETURNING {_COLUMNS}
    """  # noqa: S608 - a constant list of columns
)
_REQUESTED = sa.text(
    f"""
    SELECT {_COLUMNS} FROM dead_letter WHERE queue = :queue AND state = 'replay_requested'
    ORDER BY id LIMIT :limit FOR UPDATE SKIP LOCKED
    """  # noqa: S608 - a constant list of columns
)
_REPLAYED = sa.text("UPDATE dead_letter SET state = 'replayed' WHERE id = ANY(CAST(:ids AS uuid[]))")
_OPEN = sa.text("SELECT count(*) FROM dead_letter WHERE queue = :queue AND state IN ('open', 'replay_requested')")


class LetterNotFoundError(Exception):
    """No dead letter has this id."""

    code = "dead_letter_not_found"


class LetterSettledError(Exception):
    """The letter is in a state that does not allow this."""

    code = "dead_letter_settled"


@dataclass(frozen=True, slots=True)
class NewLetter:
    """A message that could not be handled, and why; `first_at` is its first failure where that is known."""

    queue: str
    message_id: str | None
    type: str
    headers: Mapping[str, Any]
    body: bytes
    reason: str
    error: str
    first_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A filed letter; `state` is open, replay_requested, replayed or discarded."""

    id: str
    queue: str
    message_id: str | None
    type: str
    headers: Mapping[str, Any]
    body: bytes
    reason: str
    error: str
    first_at: datetime
    last_at: datetime
    count: int
    state: str
    settled_by: str | None
    settled_at: datetime | None


@dataclass(frozen=True, slots=True)
class LetterFilter:
    """What to look for; None leaves a member out."""

    queue: str | None = None
    state: str | None = None
    reason: str | None = None
    type: str | None = None
    message_id: str | None = None


class DeadLetters:
    """The dead letters as one open transaction sees them."""

    def __init__(self, connection: sa.Connection) -> None:
        self.connection = connection

    def file(self, letter: NewLetter) -> None:
        """Write a letter down; one that died again since is opened again and counted, the same death is not."""
        values = {
            "id": uuid7_text(),
            "queue": letter.queue,
            "message_id": None if letter.message_id is None else _storable(letter.message_id),
            "type": _storable(letter.type),
            "headers": orjson.dumps(dict(letter.headers), default=_plain).decode().replace("\\u0000", "\\ufffd"),
            "body": letter.body,
            "reason": _storable(letter.reason),
            "error": _storable(letter.error),
            "first_at": letter.first_at,
        }
        self.connection.execute(_FILE, values)

    def search(
        self, wanted: LetterFilter | None = None, *, before: str | None = None, limit: int = 50
    ) -> list[DeadLetter]:
        """At most `limit` letters, newest first, older than the letter id `before`."""
        wanted = wanted or LetterFilter()
        values = {
            "queue": wanted.queue,
            "state": wanted.state,
            "reason": wanted.reason,
            "type": wanted.type,
            "message_id": wanted.message_id,
            "before": before,
            "limit": limit,
        }
        return [_letter(row) for row in self.connection.execute(_SEARCH, values)]

    def show(self, letter_id: str) -> DeadLetter:
        """One letter; raises LetterNotFoundError."""
        return self._one(_SHOW, letter_id)

    def request_replay(self, letter_id: str, by: str) -> DeadLetter:
        """Ask the consumer process to send the letter to its one queue again; a second request changes nothing.

        A replayed letter may be replayed again: the inbox knows whether it had its effect. Raises LetterNotFoundError,
        and LetterSettledError for a discarded one.
        """
        letter = self._one(_HOLD, letter_id)
        if letter.state == "discarded":
            raise LetterSettledError(f"dead letter {letter_id} was discarded by {letter.settled_by}")
        return letter if letter.state == "replay_requested" else self._settle(letter_id, "replay_requested", by)

    def discard(self, letter_id: str, by: str) -> DeadLetter:
        """Close the letter without a replay; a second request changes nothing.

        Raises LetterNotFoundError, and LetterSettledError for a replayed one.
        """
        letter = self._one(_HOLD, letter_id)
        if letter.state == "replayed":
            raise LetterSettledError(f"dead letter {letter_id} was replayed for {letter.settled_by}")
        return letter if letter.state == "discarded" else self._settle(letter_id, "discarded", by)

    def take_requested(self, queue: str, limit: int) -> list[DeadLetter]:
        """Letters of `queue` whose replay was asked for, oldest first, locked until the transaction ends."""
        return [_letter(row) for row in self.connection.execute(_REQUESTED, {"queue": queue, "limit": limit})]

    def mark_replayed(self, letter_ids: Sequence[str]) -> None:
        """Note that the broker holds these letters in their main queue again."""
        self.connection.execute(_REPLAYED, {"ids": list(letter_ids)})

    def open_count(self, queue: str) -> int:
        """How many letters of `queue` are not settled; with the depth of its `.dlq` this is "the dead letters"."""
        return int(self.connection.execute(_OPEN, {"queue": queue}).scalar_one())

    def _one(self, statement: sa.TextClause, letter_id: str) -> DeadLetter:
        row = self.connection.execute(statement, {"id": letter_id}).one_or_none() if _UUID.match(letter_id) else None
        if row is None:
            raise LetterNotFoundError(f"there is no dead letter {letter_id}")
        return _letter(row)

    def _settle(self, letter_id: str, state: str, by: str) -> DeadLetter:
        return _letter(self.connection.execute(_SETTLE, {"id": letter_id, "state": state, "by": by}).one())


def _letter(row: sa.Row[Any]) -> DeadLetter:
    values = row._asdict()
    return DeadLetter(**{**values, "body": bytes(values["body"])})


def _storable(text: str) -> str:
    """PostgreSQL's text has no NUL; a letter that cannot be filed would stop every letter behind it."""
    return text.replace("\0", "\ufffd")


def _plain(value: Any) -> Any:
    """Header values a broker adds that JSON has no type for."""
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)
