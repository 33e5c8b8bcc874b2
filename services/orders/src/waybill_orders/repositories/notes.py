"""Notes on orders."""

import sqlalchemy as sa

from waybill_orders.domain.notes import Note

_ADD = sa.text(
    "INSERT INTO order_notes (id, order_id, author, text, public, created_at) "
    "VALUES (:id, :order_id, :author, :text, :public, :created_at)"
)


class SqlNotes:
    """Adapter of the port `Notes`."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def add(self, note: Note) -> None:
        """Keep a note."""
        values = {
            "id": note.id,
            "order_id": note.order_id,
            "author": note.author,
            "text": note.text,
            "public": note.public,
            "created_at": note.created_at,
        }
        self._connection.execute(_ADD, values)
