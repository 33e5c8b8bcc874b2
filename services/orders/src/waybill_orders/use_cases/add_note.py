"""Write a note on an order."""

from collections.abc import Callable
from dataclasses import dataclass

from waybill_common.idempotency import Answer, KeyRequest
from waybill_common.ids import new_id

from waybill_orders.domain.change import Happening, change
from waybill_orders.domain.errors import FieldRefusedError
from waybill_orders.domain.notes import Note
from waybill_orders.use_cases.ports import UnitOfWorkFactory


@dataclass(frozen=True, kw_only=True)
class AddNote:
    """A note by a customer (`customer_id` set: on his own order, always public) or by staff.

    `public` None takes the default of its author's kind.
    """

    order_id: str
    customer_id: str | None
    author: str
    text: str
    public: bool | None
    key: KeyRequest | None


def add_note(command: AddNote, unit_of_work: UnitOfWorkFactory, render: Callable[[Note], Answer]) -> Answer:
    """Return the note; staff's are private unless they say otherwise.

    Raises OrderNotFoundError, FieldRefusedError when a customer asks for a private note, KeyReusedError,
    KeyInProgressError.
    """
    by_customer = command.customer_id is not None
    if by_customer and command.public is False:
        raise FieldRefusedError([("/public", "not_allowed", "A customer's notes are public; leave this out.")])
    with unit_of_work() as work:
        remembered = None if command.key is None else work.keys.claim(command.key)
        if remembered is not None:
            return remembered
        order = work.orders.lock(command.order_id, customer_id=command.customer_id)
        note = Note(
            id=new_id("not"),
            order_id=order.id,
            author=command.author,
            text=command.text,
            public=by_customer if command.public is None else command.public,
            created_at=work.now(),
        )
        work.notes.add(note)
        happening = Happening("order.note_added", {"note": {"id": note.id, "public": note.public}})
        work.orders.record_change(change(order, order, [happening], actor=command.author, at=note.created_at))
        answer = render(note)
        if command.key is not None:
            work.keys.store(command.key, answer)
        return answer
