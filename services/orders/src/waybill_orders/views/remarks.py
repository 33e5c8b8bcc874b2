"""Notes and the timeline of an order over HTTP; customers see what is public."""

import orjson
from flask import Response
from waybill_common.clock import rfc3339
from waybill_common.http import (
    PERSON,
    GuardedBlueprint,
    current_caller,
    decode_cursor,
    encode_cursor,
    operation,
    page_answer,
    send_answer,
)
from waybill_common.idempotency import Answer, KeyRequest

from waybill_orders.domain.notes import Note
from waybill_orders.use_cases.add_note import AddNote, add_note
from waybill_orders.use_cases.ports import UnitOfWorkFactory
from waybill_orders.use_cases.queries import OrderQueries
from waybill_orders.views.callers import READ_ALL, WRITE_ALL, time_position, visible_to
from waybill_orders.views.representation import note_json, timeline_json
from waybill_orders.views.schemas import NoteIn, NoteOut, NotePageOut, PageQuery, TimelinePageOut, TimelineQuery


def remarks_blueprint(unit_of_work: UnitOfWorkFactory, queries: OrderQueries) -> GuardedBlueprint:
    """Return `/v1/orders/{id}/notes` and `/v1/orders/{id}/timeline`."""
    blueprint = GuardedBlueprint("remarks", __name__, access=PERSON)

    @blueprint.post("/v1/orders/<order_id>/notes")
    @operation(body=NoteIn, keyed="optional", answers={201: NoteOut})
    def write_note(order_id: str, body: NoteIn, key: KeyRequest | None) -> Response:
        """Write a note on an order."""
        command = AddNote(
            order_id=order_id,
            customer_id=visible_to(WRITE_ALL),
            author=current_caller().subject,
            text=body.text,
            public=body.public,
            key=key,
        )
        return send_answer(add_note(command, unit_of_work, _note_answer))

    @blueprint.get("/v1/orders/<order_id>/notes")
    @operation(query=PageQuery, answers={200: NotePageOut})
    def list_notes(order_id: str, query: PageQuery) -> Response:
        """List an order's notes, oldest first; customers see the public ones."""
        filters = {"notes": order_id}
        after = time_position(query.cursor, filters)
        scope = visible_to(READ_ALL)
        found = queries.notes(order_id, customer_id=scope, after=after, limit=query.limit + 1)
        page = found[: query.limit]
        more = len(found) > query.limit
        cursor = encode_cursor([rfc3339(page[-1].created_at), page[-1].id], filters) if more else None
        return page_answer([note_json(note) for note in page], cursor)

    @blueprint.get("/v1/orders/<order_id>/timeline")
    @operation(query=TimelineQuery, answers={200: TimelinePageOut})
    def show_timeline(order_id: str, query: TimelineQuery) -> Response:
        """List what happened to an order, in order: its event log."""
        filters = {"timeline": order_id}
        after = 0 if query.cursor is None else decode_cursor(query.cursor, filters, [int])[0]
        scope = visible_to(READ_ALL)
        found = queries.timeline(order_id, customer_id=scope, after=after, limit=query.limit + 1)
        page = found[: query.limit]
        cursor = encode_cursor([page[-1].sequence], filters) if len(found) > query.limit else None
        return page_answer([timeline_json(entry) for entry in page], cursor)

    return blueprint


def _note_answer(note: Note) -> Answer:
    return Answer(201, orjson.dumps(note_json(note)))
