"""The dead letters of a service over HTTP: the web writes a request down, the consumer process acts on it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

import orjson
from flask import Response
from pydantic import BaseModel, Field

from waybill_common.clock import rfc3339
from waybill_common.http.access import GuardedBlueprint, current_caller, staff
from waybill_common.http.answers import json_answer, send_answer
from waybill_common.http.operation import operation
from waybill_common.http.pages import decode_cursor, encode_cursor, page_answer
from waybill_common.idempotency import Answer, KeyRequest, KeyStore
from waybill_common.messaging.dead_letters import (
    DeadLetter,
    DeadLetters,
    LetterFilter,
    LetterNotFoundError,
    LetterSettledError,
)
from waybill_common.problems import Input, Problem

SCOPE = "dead-letters:write"

OpenLetters = Callable[[], AbstractContextManager[DeadLetters]]
"""Opens one transaction that commits on a clean exit and hands out its dead letters."""

_Text = Annotated[str, Field(min_length=1, max_length=255, pattern=r"^[^\x00-\x1f\x7f]+$")]


class LetterQuery(Input):
    """Which letters to list."""

    queue: _Text | None = None
    state: Literal["open", "replay_requested", "replayed", "discarded"] | None = None
    reason: _Text | None = None
    type: _Text | None = None
    message_id: _Text | None = None
    cursor: Annotated[str, Field(max_length=1_000)] | None = None
    limit: Annotated[int, Field(ge=1, le=100)] = 50


class LetterOut(BaseModel):
    """A letter in a list."""

    id: str
    queue: str
    message_id: str | None
    type: str
    reason: str
    error: str
    first_at: str
    last_at: str
    count: int
    state: str
    settled_by: str | None
    settled_at: str | None


class LetterDetailOut(LetterOut):
    """A letter with what it carried; `body` is text, bytes that are no UTF-8 replaced."""

    headers: dict[str, Any]
    body: str


class LetterPageOut(BaseModel):
    """One page of letters, newest first."""

    data: list[LetterOut]
    next_cursor: str | None
    has_more: bool


def dead_letters_blueprint(open_letters: OpenLetters) -> GuardedBlueprint:
    """Return `/v1/dead-letters…`, for staff with the scope `dead-letters:write`."""
    blueprint = GuardedBlueprint("dead_letters", __name__, access=staff(SCOPE))

    @blueprint.get("/v1/dead-letters")
    @operation(query=LetterQuery, answers={200: LetterPageOut})
    def list_letters(query: LetterQuery) -> Response:
        """List what could not be handled, newest first."""
        filters = query.model_dump(exclude={"cursor", "limit"})
        before = None if query.cursor is None else _position(query.cursor, filters)
        with open_letters() as letters:
            found = letters.search(LetterFilter(**filters), before=before, limit=query.limit + 1)
        page = found[: query.limit]
        more = len(found) > query.limit
        return page_answer([_out(letter) for letter in page], encode_cursor([page[-1].id], filters) if more else None)

    @blueprint.get("/v1/dead-letters/<letter_id>")
    @operation(answers={200: LetterDetailOut})
    def show_letter(letter_id: str) -> Response:
        """Show one letter with its headers and body."""
        with open_letters() as letters:
            return json_answer(_detail(_found(lambda: letters.show(letter_id))))

    @blueprint.post("/v1/dead-letters/<letter_id>/replay")
    @operation(keyed=True, answers={200: LetterOut})
    def replay_letter(letter_id: str, key: KeyRequest) -> Response:
        """Ask for the letter to be sent to its one queue again; the consumer does so within seconds."""
        return _keyed(open_letters, key, lambda letters, by: letters.request_replay(letter_id, by))

    @blueprint.post("/v1/dead-letters/<letter_id>/discard")
    @operation(keyed=True, answers={200: LetterOut})
    def discard_letter(letter_id: str, key: KeyRequest) -> Response:
        """Close the letter without a replay."""
        return _keyed(open_letters, key, lambda letters, by: letters.discard(letter_id, by))

    return blueprint


def _position(cursor: str, filters: Mapping[str, Any]) -> str:
    """The letter id a cursor stands for; raises Problem 400 `invalid_cursor`."""
    try:
        return str(UUID(decode_cursor(cursor, filters, [str])[0]))
    except ValueError:
        raise Problem(400, "invalid_cursor", "This cursor is not one of this list; start again without it.") from None


def _keyed(open_letters: OpenLetters, key: KeyRequest, act: Callable[[DeadLetters, str], DeadLetter]) -> Response:
    """Act once per key: the answer is remembered in the transaction of the act."""
    by = current_caller().subject
    with open_letters() as letters:
        keys = KeyStore(letters.connection)
        answer = keys.claim(key)
        if answer is None:
            letter = _found(lambda: act(letters, by))
            answer = Answer(200, orjson.dumps(_out(letter)))
            keys.store(key, answer)
    return send_answer(answer)


def _found(read: Callable[[], DeadLetter]) -> DeadLetter:
    try:
        return read()
    except LetterNotFoundError as error:
        raise Problem(404, error.code, str(error)) from error
    except LetterSettledError as error:
        raise Problem(409, error.code, str(error)) from error


def _out(letter: DeadLetter) -> dict[str, Any]:
    return {
        "id": letter.id,
        "queue": letter.queue,
        "message_id": letter.message_id,
        "type": letter.type,
        "reason": letter.reason,
        "error": letter.error,
        "first_at": rfc3339(letter.first_at),
        "last_at": rfc3339(letter.last_at),
        "count": letter.count,
        "state": letter.state,
        "settled_by": letter.settled_by,
        "settled_at": _optional_time(letter.settled_at),
    }


def _detail(letter: DeadLetter) -> dict[str, Any]:
    return _out(letter) | {"headers": dict(letter.headers), "body": letter.body.decode(errors="replace")}


def _optional_time(moment: datetime | None) -> str | None:
    return None if moment is None else rfc3339(moment)
